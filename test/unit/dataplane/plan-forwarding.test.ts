import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Forwarding, RemoteEndpoint } from '../../../src/dataplane/dataplane.js';
import {
  desiredForwarding,
  type ForwardingState,
  type LocalPorts,
  planForwarding,
} from '../../../src/dataplane/forwarding/plan-forwarding.js';

const FLOOD = '00:00:00:00:00:00';
const OWN_VTEP = '192.0.2.1';
const NOTHING: ForwardingState = { tunnels: new Map(), bridged: new Set(), neighbours: new Map() };
const NO_PORTS: LocalPorts = new Map();

/**
 * What the kernel makes of the lines, in miniature: the state after them, and who has which MAC on the
 * bridge.
 */
function apply(state: ForwardingState, local: LocalPorts, lines: readonly string[]) {
  const tunnels = new Map([...state.tunnels].map(([mac, vteps]) => [mac, new Set(vteps)]));
  const ports = new Map<string, string>([...local].map(([mac, port]) => [mac, port]));
  for (const mac of state.bridged) ports.set(mac, 'vxlan0');
  const neighbours = new Map(state.neighbours);
  for (const line of lines) {
    const [object, verb, key = '', ...rest] = line.split(' ');
    const value = (name: string) => rest[rest.indexOf(name) + 1] as string;
    const vtep = rest.includes('dst') ? value('dst') : undefined;
    if (object === 'neigh') {
      if (verb === 'replace') neighbours.set(key, value('lladdr'));
      else neighbours.delete(key);
    } else if (verb === 'append') {
      tunnels.set(key, (tunnels.get(key) ?? new Set()).add(vtep as string));
    } else if (verb === 'replace') {
      if (vtep) tunnels.set(key, new Set([vtep]));
      if (rest.includes('master')) ports.set(key, value('dev'));
    } else {
      if (rest.includes('self')) {
        if (vtep) tunnels.get(key)?.delete(vtep);
        if (!vtep || tunnels.get(key)?.size === 0) tunnels.delete(key);
      }
      if (rest.includes('master') && ports.get(key) === value('dev')) ports.delete(key);
    }
  }
  return { tunnels, ports, neighbours };
}

const byte = fc.integer({ min: 1, max: 4 });
const vtep = byte.map((n) => `192.0.2.${n}`);
const remote: fc.Arbitrary<RemoteEndpoint> = fc.record({
  mac: byte.map((n) => `02:00:00:00:00:0${n}`),
  addresses: fc.array(byte.map((n) => `10.0.0.${n}`)),
  vtep,
});
const forwarding: fc.Arbitrary<Forwarding> = fc.record({ remotes: fc.array(remote, { maxLength: 6 }) });
const ports: fc.Arbitrary<LocalPorts> = fc
  .array(byte, { maxLength: 3 })
  .map((numbers) => new Map(numbers.map((n) => [`02:00:00:00:00:0${n}`, `xc${n}`])));

describe('planForwarding', () => {
  test('makes any state equal to any other', () => {
    fc.assert(
      fc.property(forwarding, forwarding, ports, (before, after, local) => {
        const observed = desiredForwarding(before, OWN_VTEP);
        const desired = desiredForwarding(after, OWN_VTEP);
        const plan = planForwarding(observed, desired, local);
        const result = apply(observed, local, [...plan.bridge, ...plan.ip]);
        expect(result.tunnels).toEqual(desired.tunnels);
        expect(result.neighbours).toEqual(desired.neighbours);
        const wanted = new Map([...local, ...[...desired.bridged].map((mac) => [mac, 'vxlan0'] as const)]);
        expect(result.ports).toEqual(wanted);
      }),
    );
  });

  test('of equal states is empty', () => {
    fc.assert(
      fc.property(forwarding, ports, (same, local) => {
        const state = desiredForwarding(same, OWN_VTEP);
        expect(planForwarding(state, state, local)).toEqual({ bridge: [], ip: [], added: 0, removed: 0 });
      }),
    );
  });

  test('never leaves a moved MAC without an entry', () => {
    const at = (vtep: string) =>
      desiredForwarding({ remotes: [{ mac: '02:00:00:00:00:01', addresses: [], vtep }] }, OWN_VTEP);
    const plan = planForwarding(at('192.0.2.2'), at('192.0.2.3'), NO_PORTS);
    for (let done = 0; done <= plan.bridge.length; done++) {
      const { tunnels } = apply(at('192.0.2.2'), NO_PORTS, plan.bridge.slice(0, done));
      expect(tunnels.get('02:00:00:00:00:01')?.size).toBe(1);
    }
  });

  test('repairs a MAC that others gave a second destination', () => {
    const desired = desiredForwarding(
      { remotes: [{ mac: '02:00:00:00:00:01', addresses: [], vtep: '192.0.2.2' }] },
      OWN_VTEP,
    );
    const doubled = new Map(desired.tunnels).set('02:00:00:00:00:01', new Set(['192.0.2.9', '192.0.2.2']));
    const plan = planForwarding({ ...desired, tunnels: doubled }, desired, NO_PORTS);
    expect(apply({ ...desired, tunnels: doubled }, NO_PORTS, plan.bridge).tunnels).toEqual(desired.tunnels);
  });

  test('leaves IPv6 neighbours out where the kernel has no IPv6', () => {
    const remote = { mac: '02:00:00:00:00:01', addresses: ['10.0.0.1', 'fd00::1'], vtep: '192.0.2.2' };
    const desired = desiredForwarding({ remotes: [remote] }, OWN_VTEP);
    const plan = planForwarding(NOTHING, desired, NO_PORTS, false);
    expect(apply(NOTHING, NO_PORTS, plan.ip).neighbours).toEqual(new Map([['10.0.0.1', remote.mac]]));
  });
});

describe('desiredForwarding', () => {
  test('floods to each host once and never to this one', () => {
    const remotes = ['192.0.2.1', '192.0.2.2', '192.0.2.2', '192.0.2.3'].map((vtep, i) => ({
      mac: `02:00:00:00:00:0${i}`,
      addresses: [],
      vtep,
    }));
    const { tunnels } = desiredForwarding({ remotes }, OWN_VTEP);
    expect(tunnels.get(FLOOD)).toEqual(new Set(['192.0.2.2', '192.0.2.3']));
    expect([...tunnels.keys()]).toHaveLength(4);
  });

  test.each([
    ['02:d4:0a:01:00:03', 'fe80::d4:aff:fe01:3'],
    ['02:00:00:00:00:01', 'fe80::ff:fe00:1'],
    ['52:54:00:12:34:56', 'fe80::5054:ff:fe12:3456'],
  ])('answers for the link-local address that %s makes, %s, when the endpoint has IPv6', (mac, linkLocal) => {
    const remote = { mac, addresses: ['fd00::1'], vtep: '192.0.2.2' };
    const { neighbours } = desiredForwarding({ remotes: [remote] }, OWN_VTEP);
    expect(neighbours.get(linkLocal)).toBe(mac);
  });

  test.each([
    { mac: '01:00:5e:00:00:01', addresses: [], vtep: '192.0.2.2' },
    { mac: '02:00:00:00:00:01', addresses: ['10.0.0.1/24'], vtep: '192.0.2.2' },
    { mac: '02:00:00:00:00:01', addresses: ['fe80::1%eth0'], vtep: '192.0.2.2' },
    { mac: '02:00:00:00:00:01', addresses: [], vtep: 'host2' },
  ])('refuses %j', (remote) => {
    expect(() => desiredForwarding({ remotes: [remote] }, OWN_VTEP)).toThrow(
      expect.objectContaining({ code: 'INVALID' }),
    );
  });
});
