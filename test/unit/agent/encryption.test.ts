/** When this host has its WireGuard devices, and what Docker's calls wait for. */
import { expect, test } from '@jest/globals';
import { Encryption, type EncryptionParts } from '../../../src/agent/encryption/encryption.js';
import { makeKey } from '../../../src/agent/encryption/encryption-keys.js';
import { listUnknownEncrypted } from '../../../src/agent/encryption/unknown-tunnels.js';
import type { EncryptionDevice, PeerTraffic } from '../../../src/dataplane/encryption/encryption.js';
import { ENCRYPTION_SUBNET, encryptedVtep } from '../../../src/inet/encrypted-vtep.js';
import { RepairLog } from '../../../src/observability/repair-log.js';
import { muteLogger } from '../../support/loggers.js';
import { eventually } from '../../support/time/eventually.js';

const ENCRYPTED = { record: { id: 'aaaaaaaaaaaa', vni: 7, protection: { encrypt: true } } };

type Peers = Readonly<Record<string, readonly PeerTraffic[]>>;

function open() {
  const calls: string[] = [];
  const kernel = { unknown: [] as number[], isThere: true, work: async () => {}, peers: {} as Peers };
  const device: Partial<EncryptionDevice> = {
    ensure: async () => {
      calls.push('ensure');
      await kernel.work();
      return [];
    },
    isThere: () => kernel.isThere,
    read: async (name) => kernel.peers[name] ?? [],
    remove: async () => void calls.push('remove'),
  };
  const networks: object[] = [];
  const keys = { all: [makeKey(0, new Date())] };
  const parts = {
    hostId: 'h1',
    keys,
    device,
    hosts: { list: () => [] },
    local: { listNetworks: () => networks },
    listUnknown: async () => kernel.unknown,
    underlay: () => ({ vtep: '10.0.0.1', interface: 'eth0', mtu: 1500 }),
    ...{ port: 51820, keepalive: 0, repairs: new RepairLog(muteLogger), logger: muteLogger },
  };
  return { calls, kernel, keys, networks, encryption: new Encryption(parts as unknown as EncryptionParts) };
}

test('a host without an encrypted network has no device', async () => {
  const { calls, encryption } = open();
  await using _ = encryption;
  encryption.start();
  await eventually(() => expect(calls).toEqual(['remove']));
});

test('the devices stay while the kernel has an encrypted network that this host does not know', async () => {
  const { calls, kernel, networks, encryption } = open();
  await using _ = encryption;
  kernel.unknown = [7];
  encryption.start();
  await eventually(() => expect(calls).toEqual(['ensure']));
  expect(encryption.devices).toEqual(['xnet-wg0']);
  // What is known is not looked for in the kernel.
  kernel.unknown = [];
  networks.push(ENCRYPTED);
  encryption.hint();
  await eventually(() => expect(calls).toEqual(['ensure', 'ensure']));
  networks.pop();
  encryption.hint();
  await eventually(() => expect(calls).toEqual(['ensure', 'ensure', 'remove']));
});

test('a kernel that cannot be asked keeps them, too', async () => {
  const { calls, kernel, encryption } = open();
  await using _ = encryption;
  Object.defineProperty(kernel, 'unknown', {
    get: () => {
      throw new Error('the list of devices took longer than 30000 ms');
    },
  });
  encryption.start();
  await eventually(() => expect(encryption.problems).toEqual([expect.stringContaining('list of devices')]));
  expect(calls).toEqual([]);
});

test('calls that come while the devices are made share what is made then, and wait for nothing once they are there', async () => {
  const { calls, kernel, encryption } = open();
  const ends: (() => void)[] = [];
  kernel.work = () => new Promise((resolve) => ends.push(resolve));
  const all = Promise.all(Array.from({ length: 30 }, () => encryption.require()));
  for (let n = 1; n <= 2; n++) {
    await eventually(() => ends.length === n);
    ends[n - 1]?.();
  }
  await all;
  expect(calls).toEqual(['ensure', 'ensure']);
  await encryption.require();
  expect(calls).toHaveLength(2);
  // Removed by hand; the kernel's word of it has not come yet.
  kernel.isThere = false;
  kernel.work = () => Promise.reject(new Error('no wireguard-go'));
  await expect(encryption.require()).rejects.toThrow('no wireguard-go');
  expect(calls).toHaveLength(3);
});

test('a host that could not encrypt just now refuses at once', async () => {
  const { calls, kernel, encryption } = open();
  kernel.work = () => Promise.reject(new Error('no wireguard-go'));
  for (let n = 0; n < 5; n++) await expect(encryption.require()).rejects.toThrow('no wireguard-go');
  expect(calls).toEqual(['ensure']);
});

test('what is known of the others is what the device in use has of them', async () => {
  const { kernel, keys, networks, encryption } = open();
  networks.push(ENCRYPTED);
  const peer = { publicKey: 'k', received: 1, sent: 1 };
  const handshake = new Date();
  kernel.peers = { 'xnet-wg0': [{ ...peer, handshake }], 'xnet-wg1': [peer] };
  keys.all = [makeKey(0, new Date()), makeKey(1, new Date())];
  await encryption.refresh();
  expect(encryption.states.get('k')).toMatchObject({ handshake });
  keys.all = keys.all.reverse();
  await encryption.refresh();
  expect(encryption.states.get('k')?.handshake).toBeUndefined();
});

test('a tunnel of which this host does not know the network is encrypted by the address that it sends from', async () => {
  const asked: ReadonlySet<string>[] = [];
  const listTunnels = async (except: ReadonlySet<string>) => {
    asked.push(except);
    return [
      { networkId: 'bbbbbbbbbbbb', vni: 8, vtep: encryptedVtep('h1', 1) },
      { networkId: 'cccccccccccc', vni: 9, vtep: '10.0.0.1' },
      { networkId: 'dddddddddddd', vni: 10, vtep: ENCRYPTION_SUBNET.replace('7457::/48', '7458::1') },
    ];
  };
  const local = { listNetworks: () => [ENCRYPTED] };
  expect(await listUnknownEncrypted({ dataplane: { listTunnels }, local } as never)).toEqual([8]);
  expect(asked).toEqual([new Set(['aaaaaaaaaaaa'])]);
});
