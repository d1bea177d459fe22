/** Encrypted networks by the WireGuard of the kernel; by wireguard-go: integration/dataplane/encryption.test.ts. */
import { expect, test } from '@jest/globals';
import { makeKey, publicKeyOf } from '../../src/agent/encryption/encryption-keys.js';
import { encryptedVtep } from '../../src/inet/encrypted-vtep.js';
import { type EncryptedHost, EncryptedHosts, withoutPrograms } from '../support/kernel/encrypted-hosts.js';
import { eventually } from '../support/time/eventually.js';
import { Sniffer } from '../support/traffic/sniffer.js';

const DEVICE = 'xnet-wg0';
/** More than fit into one message of netlink. */
const MANY = 150;

test('the kernel encrypts: nothing is in clear, all is read by netlink, and a device that was deleted is made again', async () => {
  await using hosts = await EncryptedHosts.create(2);
  const [a, b] = hosts.hosts as [EncryptedHost, EncryptedHost];
  await hosts.ensureAll();
  expect(await a.netns.ip(`-d link show dev ${DEVICE}`)).toContain('wireguard');
  const first = await hosts.container(a, 'shop', '10.1.0.2/24');
  const second = await hosts.container(b, 'shop', '10.1.0.3/24');
  await hosts.connect([first, second]);
  await using underlay = await Sniffer.start(
    hosts.underlay.wire,
    'h1',
    'not ether proto 0x806 and not icmp6',
  );
  expect(await first.netns.reaches('10.1.0.3', 20, ['-M', 'do', '-s', `${1500 - 60 - 70 - 28}`])).toBe(true);
  await underlay.sees(/\.51820: UDP, length 14\d\d/);

  expect(await a.device.read(DEVICE)).toEqual([
    expect.objectContaining({
      publicKey: publicKeyOf(b.keys[0]!.privateKey),
      handshake: expect.any(Date),
      received: expect.any(Number),
    }),
  ]);
  // What is read is what was set: key, port, and of each peer key, endpoint and address.
  expect(await withoutPrograms(() => hosts.ensure(a))).toEqual([]);
  const [tunnel] = hosts.tunnels(a);
  const peers = Array.from({ length: MANY }, (_, index) => ({
    ...{ publicKey: publicKeyOf(makeKey(0, new Date()).privateKey), port: 51820 },
    ...{
      endpoint: index % 2 ? `10.9.0.${index}` : `fd99::1:${index}`,
      vtep: encryptedVtep(`host ${index}`, 0),
    },
  }));
  const many = { ...tunnel!, peers: [...tunnel!.peers, ...peers] };
  await a.device.ensure([many]);
  expect(await withoutPrograms(() => a.device.ensure([many]))).toEqual([]);
  expect(await withoutPrograms(() => a.device.read(DEVICE))).toHaveLength(MANY + 1);

  await a.netns.ip(`link del ${DEVICE}`);
  expect(await first.netns.reaches('10.1.0.3', 2)).toBe(false);
  expect(await hosts.ensure(a)).toEqual([{ kind: 'encryption', object: DEVICE, was: 'missing' }]);
  expect(await first.netns.reaches('10.1.0.3', 20)).toBe(true);
  // A time of tcpdump's may have such digits, too.
  expect(underlay.saw(/10\.1\.0\.|\.4789\b/)).toBe(false);
}, 120_000);

test('a UDP port that another program has is named, with the remedy; free again, it is taken', async () => {
  await using hosts = await EncryptedHosts.create(1);
  const [a] = hosts.hosts as [EncryptedHost];
  const script = `require('node:dgram').createSocket('udp6').bind(51820)`;
  const other = a.netns.start(process.execPath, '-e', script);
  try {
    await eventually(async () => expect(await a.netns.exec('cat', '/proc/net/udp6')).toContain(':CA6C ')); // 51820
    await expect(hosts.ensure(a)).rejects.toMatchObject({
      code: 'IN_USE',
      message: expect.stringMatching(/the UDP port of xnet-wg0 is taken .*ss -lunp/),
    });
  } finally {
    await other.stop();
  }
  await hosts.ensure(a);
  expect(await a.netns.ip(`link show dev ${DEVICE}`)).toContain('UP');
}, 120_000);
