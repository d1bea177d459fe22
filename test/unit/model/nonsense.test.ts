/** What a record with nonsense in one of its fields does: it is read, and can be used, or it is not read. */
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { z } from 'zod';
import { planRemote } from '../../../src/agent/forwarding/forwarding-plan.js';
import { localEndpoints } from '../../../src/agent/local/local-endpoints.js';
import { DesiredForwarding } from '../../../src/dataplane/forwarding/desired-forwarding.js';
import { namespaceName } from '../../../src/dataplane/interface-names.js';
import { VXLAN_LAYOUT } from '../../../src/dataplane/overlay/vxlan-layout.js';
import { NetworkZone } from '../../../src/dns/answers/zone.js';
import { IpAddress, isSameFamily } from '../../../src/inet/ip-address.js';
import { Prefix } from '../../../src/inet/prefix.js';
import { listHoldsExcept } from '../../../src/ipam/pools/pool-entries.js';
import { addressRecord, parseAddressKey, stateOf } from '../../../src/model/address.js';
import { type BindingRecord, bindingRecord } from '../../../src/model/binding.js';
import { putBinding, putEndpoint, putHold, twinKeyOf } from '../../../src/model/by-host.js';
import { type EndpointRecord, endpointRecord } from '../../../src/model/endpoint.js';
import { type HostRecord, hostRecord } from '../../../src/model/host.js';
import { keys, kindOf } from '../../../src/model/keys.js';
import { macRecord } from '../../../src/model/mac.js';
import { type NetworkRecord, networkRecord } from '../../../src/model/network.js';
import {
  type PoolReferenceRecord,
  parsePoolKey,
  parsePoolRecordKey,
  poolRecord,
  poolReferenceRecord,
} from '../../../src/model/pool.js';
import { findRecord, formatRecord, parseRecord } from '../../../src/model/record.js';
import { hostOf } from '../../../src/store/known/own-keys.js';

interface Entry {
  readonly key: string;
  readonly value: string;
}

const RECORDED = JSON.parse(readFileSync(new URL('recorded.json', import.meta.url), 'utf8')) as Entry[];
const LINE = /^[^\s/]*$/;

/** All that is done with a record of the kind once it is read. */
const USES: Readonly<Record<string, (entry: Entry) => unknown>> = {
  [keys.hosts()]: use(hostRecord, ({ id, vtep, vxlanPort, gatewaySubnets = [] }: HostRecord) => {
    isSameFamily(vtep, '192.0.2.1');
    gatewaySubnets.map(Prefix.parse);
    expect(vxlanPort).toBeLessThan(65_536);
    return keys.host(id);
  }),
  [keys.networks()]: use(networkRecord, (network: NetworkRecord) => {
    localEndpoints(network, [], () => undefined);
    for (const { poolKey, subnet } of network.pools) [parsePoolKey(poolKey), Prefix.parse(subnet)];
    NetworkZone.build(
      [network.name ?? ''],
      [],
      network.pools.map(({ subnet }) => subnet),
    );
    expect(network.vni).toBeLessThan(2 ** 24);
    expect(network.mtu ?? 1500).toBeLessThan(65_536);
    // A line of `ip -batch`, and a file's name.
    expect(namespaceName(network.id)).toMatch(LINE);
    return [keys.network(network.id), keys.name(network.name ?? '')];
  }),
  [keys.bindings()]: use(bindingRecord, async (binding: BindingRecord) => {
    const holds = { list: async () => [] };
    await listHoldsExcept({ holds } as never, binding.poolIds ?? []);
    return putBinding(binding);
  }),
  [keys.endpoints()]: use(endpointRecord, (endpoint: EndpointRecord) => {
    const known = { record: endpoint, createRevision: 1 };
    const remote = planRemote('this host', known, () => ({ vtep: '192.0.2.2' }));
    const forwarding = new DesiredForwarding('192.0.2.1', true);
    if (remote) forwarding.change(new Map([[endpoint.id, remote]]), [endpoint.id]);
    localEndpoints({ pools: [] } as never, [endpoint], () => undefined);
    const { names = [], ports = [] } = endpoint.names ?? {};
    NetworkZone.build(['net'], [{ addresses: endpoint.addresses, names, ports, alive: true }]);
    return putEndpoint(endpoint);
  }),
  [keys.macs()]: use(macRecord, ({ networkId, endpointId }) => keys.endpoint(networkId, endpointId)),
  [keys.pools()]: use(poolRecord, ({ subnet }) => Prefix.parse(subnet)),
  [keys.poolReferences()]: use(poolReferenceRecord, (hold: PoolReferenceRecord) => {
    parsePoolKey(hold.poolKey);
    return putHold(hold);
  }),
  [keys.addresses()]: use(addressRecord, (record, key) => {
    IpAddress.parse(parseAddressKey(key)?.address ?? '');
    return [stateOf(record), keys.endpoint(record.networkId ?? '', record.endpointId ?? '')];
  }),
};

function use<T extends { version: number }>(schema: z.ZodType<T>, work: (record: T, key: string) => unknown) {
  return async (entry: Entry) => {
    // Neither may throw, whether or not it can be read.
    [twinKeyOf(entry), hostOf(entry.key, entry.value)];
    const record = findRecord(schema, entry);
    if (record === undefined) return;
    await work(record, entry.key);
    parseRecord(schema, { key: entry.key, value: formatRecord(record) });
  };
}

const nonsense = fc.oneof(
  fc.constantFrom<unknown>(
    '',
    ' ',
    '../..',
    'a b',
    'x\nlink del eth0',
    '\ud800',
    '10.0.0.1/24',
    '10.0.0.300',
  ),
  fc.constantFrom<unknown>(
    'fe80::1%eth0',
    '1.2.3.0/33',
    '01:00:5e:00:00:01',
    'xnet-local~10.0.0.1/24',
    '%zz',
  ),
  fc.constantFrom<unknown>(-1, 0, 1.5, 2 ** 24, 1e300, null, [], {}, true),
  fc.string(),
);

/** The record with `value` at one of its places, which `place` chooses. */
function spoilt(record: unknown, place: number, value: unknown): unknown {
  if (typeof record !== 'object' || record === null) return value;
  const names = Object.keys(record);
  const name = names[place % Math.max(1, names.length)];
  if (name === undefined) return value;
  const inner = (record as Record<string, unknown>)[name];
  const put = spoilt(inner, Math.floor(place / names.length), value);
  return Array.isArray(record) ? record.with(Number(name), put) : { ...record, [name]: put };
}

const used = RECORDED.filter(({ key }) => kindOf(key) in USES);

test('a record with nonsense in a field is not read, or can be used', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...used), fc.nat(), nonsense, async ({ key, value }, place, wrong) => {
      await USES[kindOf(key)]?.({ key, value: JSON.stringify(spoilt(JSON.parse(value), place, wrong)) });
    }),
    { numRuns: 1_000 },
  );
});

test('so is one under a key that nobody makes', async () => {
  const parts = fc.array(
    fc.oneof(fc.constantFrom('%zz', '', 'zzz', 'cluster', '..', 'fe80%3A%3A1%25eth0'), fc.string()),
    {
      maxLength: 4,
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...used), parts, async ({ key, value }, others) => {
      const wrong = `${kindOf(key)}${others.join('/')}`;
      parsePoolRecordKey(wrong);
      await USES[kindOf(key)]?.({ key: wrong, value });
    }),
    { numRuns: 300 },
  );
});

test.each([
  [
    'endpoints/n/e',
    endpointRecord,
    'mac',
    '02:00:00:00:00:zz',
    /endpoints\/n\/e .*mac: "02:.*zz" is not a MAC/,
  ],
  [
    'endpoints/n/e',
    endpointRecord,
    'addresses',
    ['10.0.0.300'],
    /addresses\.0: "10\.0\.0\.300" is not an IP/,
  ],
  ['endpoints/n/other', endpointRecord, 'mac', '02:00:00:00:00:01', /endpoints\/n\/other .*of another key/],
])('what is wrong with %s is said', (key, schema, field, value, message) => {
  const ids = { id: 'e', networkId: 'n', dockerNetworkId: 'd', hostId: 'h' };
  const record = { ...ids, addresses: [], mac: '02:00:00:00:00:01', [field]: value };
  expect(() => parseRecord(schema, { key, value: JSON.stringify(record) })).toThrow(message);
});

test.each(['--force', '-f', '.', '..'])('%s is no id: a path or an option would be made of it', (id) => {
  const [entry] = RECORDED.filter(({ key }) => kindOf(key) === keys.networks());
  const value = JSON.stringify({ ...JSON.parse(entry?.value ?? ''), id });
  expect(findRecord(networkRecord, { key: keys.network(id), value })).toBeUndefined();
});

test.each([
  { vtep: '192.0.2.1', mtu: 65_536 },
  { vtep: '192.0.2.1', mtu: 576 },
])('a host is known whose underlay has an MTU of $mtu', (underlay) => {
  const [entry] = RECORDED.filter(({ key }) => kindOf(key) === keys.hosts());
  const record = { ...JSON.parse(entry?.value ?? ''), pathMtu: VXLAN_LAYOUT.containerMtu(underlay) };
  expect(parseRecord(hostRecord, { key: keys.host(record.id), value: JSON.stringify(record) })).toEqual(
    record,
  );
});
