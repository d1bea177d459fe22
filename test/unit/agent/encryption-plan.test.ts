import { describe, expect, test } from '@jest/globals';
import { makeKey, publicKeyOf } from '../../../src/agent/encryption/encryption-keys.js';
import { planTunnels } from '../../../src/agent/encryption/encryption-plan.js';
import { isUnanswered, PeerStates } from '../../../src/agent/encryption/peer-states.js';
import { ENCRYPTION_SUBNET, encryptedVtep } from '../../../src/inet/encrypted-vtep.js';
import { IpAddress } from '../../../src/inet/ip-address.js';
import { Prefix } from '../../../src/inet/prefix.js';
import type { HostRecord } from '../../../src/model/host.js';

const NOW = new Date('2026-11-30T12:00:00Z');
const underlay = { vtep: '10.0.0.1', interface: 'eth0', mtu: 1500 };
const hostOf = (id: string, vtep: string, slots: readonly (0 | 1)[]): HostRecord => ({
  ...{ version: 1, id, name: id, vtep, vxlanPort: 4789, xnetVersion: 'test' },
  encryption: slots.map((slot) => ({
    slot,
    publicKey: publicKeyOf(makeKey(slot, NOW).privateKey),
    port: 51820 + slot,
  })),
});
const facts = { hostId: 'h1', keys: [makeKey(0, NOW)], port: 51820, keepalive: 0, underlay };

describe('the address of a host in encrypted networks', () => {
  test('follows from its id and the slot of its key, and is in the subnet of all', () => {
    const hosts = Array.from({ length: 1000 }, (_, n) => `host-${n}`);
    const addresses = hosts.flatMap((id) => [encryptedVtep(id, 0), encryptedVtep(id, 1)]);
    expect(new Set(addresses).size).toBe(2000);
    const subnet = Prefix.parse(ENCRYPTION_SUBNET);
    expect(addresses.every((address) => subnet.contains(IpAddress.parse(address)))).toBe(true);
    expect(encryptedVtep('host-1', 0)).toBe(encryptedVtep('host-1', 0));
  });
});

describe('the tunnels of a host', () => {
  test('have each key of each other host, at its underlay address and with its own VTEP', () => {
    const hosts = [
      hostOf('h1', '10.0.0.1', [0]),
      hostOf('h2', '10.0.0.2', [0]),
      hostOf('h3', '10.0.0.3', [1, 0]),
    ];
    const [tunnel, ...more] = planTunnels({ ...facts, hosts });
    expect(more).toEqual([]);
    expect(tunnel).toMatchObject({
      device: 'xnet-wg0',
      port: 51820,
      mtu: 1440,
      vtep: encryptedVtep('h1', 0),
    });
    const places = tunnel?.peers.map(({ endpoint, port, vtep }) => `${endpoint} ${port} ${vtep}`).sort();
    expect(places).toEqual([
      `10.0.0.2 51820 ${encryptedVtep('h2', 0)}`,
      `10.0.0.3 51820 ${encryptedVtep('h3', 0)}`,
      `10.0.0.3 51821 ${encryptedVtep('h3', 1)}`,
    ]);
  });

  test('do not have hosts whose xnet knows nothing of encryption', () => {
    const { encryption: _, ...older } = hostOf('h2', '10.0.0.2', [0]);
    expect(planTunnels({ ...facts, hosts: [older] })[0]?.peers).toEqual([]);
  });

  test('are two while keys are changed, and narrower over IPv6', () => {
    const keys = [makeKey(1, NOW), makeKey(0, NOW)];
    const tunnels = planTunnels({ ...facts, keys, underlay: { ...underlay, vtep: 'fd00::1' }, hosts: [] });
    expect(tunnels.map(({ device, port, mtu }) => [device, port, mtu])).toEqual([
      ['xnet-wg1', 51821, 1420],
      ['xnet-wg0', 51820, 1420],
    ]);
  });
});

describe('a peer', () => {
  const at = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
  const traffic = (sent: number, handshake?: Date) => ({ publicKey: 'k', received: 0, sent, handshake });

  test('to which packets are sent without a handshake for three minutes is a problem, until there is one', () => {
    const states = new PeerStates();
    states.note([traffic(0)], at(0));
    states.note([traffic(148)], at(20));
    expect(isUnanswered(states.all.get('k') ?? {}, at(199))).toBe(false);
    states.note([traffic(1480)], at(200));
    expect(isUnanswered(states.all.get('k') ?? {}, at(200))).toBe(true);
    states.note([traffic(2000, at(205))], at(206));
    expect(isUnanswered(states.all.get('k') ?? {}, at(206))).toBe(false);
  });

  test('is one although its last handshake is to come: the clock was set back', () => {
    const states = new PeerStates();
    states.note([traffic(0, at(3600))], at(0));
    states.note([traffic(148, at(3600))], at(20));
    states.note([traffic(1480, at(3600))], at(200));
    expect(isUnanswered(states.all.get('k') ?? {}, at(200))).toBe(true);
  });

  test('that was sent something while it was away, and nothing since, is none', () => {
    const states = new PeerStates();
    states.note([traffic(0)], at(0));
    for (const second of [20, 40, 199, 200, 220]) {
      states.note([traffic(148)], at(second));
      expect(isUnanswered(states.all.get('k') ?? {}, at(second))).toBe(false);
    }
  });

  test('to which nothing is sent is none, however old its handshake', () => {
    const states = new PeerStates();
    for (const second of [0, 200, 400]) states.note([traffic(500, at(-1000))], at(second));
    expect(isUnanswered(states.all.get('k') ?? {}, at(400))).toBe(false);
  });
});
