/** The cluster that bench/scale makes: every record is one that xnet reads, and none is there twice. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { kindsOf } from '../../bench/scale-rig/cluster/fill.js';
import { planCluster } from '../../bench/scale-rig/cluster/plan.js';
import { AWAY, findFaults } from '../../bench/scale-rig/faults.js';
import { addressRecord, parseAddressKey } from '../../src/model/address.js';
import { bindingRecord } from '../../src/model/binding.js';
import { endpointRecord } from '../../src/model/endpoint.js';
import { hostRecord } from '../../src/model/host.js';
import { keys, kindOf } from '../../src/model/keys.js';
import { networkRecord } from '../../src/model/network.js';
import { poolRecord, poolReferenceRecord } from '../../src/model/pool.js';
import { parseRecord } from '../../src/model/record.js';

const SCHEMAS = {
  [keys.hosts()]: hostRecord,
  [keys.networks()]: networkRecord,
  [keys.pools()]: poolRecord,
  [keys.bindings()]: bindingRecord,
  [keys.poolReferences()]: poolReferenceRecord,
  [keys.endpoints()]: endpointRecord,
  [keys.addresses()]: addressRecord,
};

const size = { hosts: 12, networks: 5, endpoints: 300, ownNetworks: 2, big: 400 };
const plan = planCluster(size, 1);

/** Of all kinds, in the order in which they are written. */
const entries = Object.values(kindsOf(plan)).flatMap((series) =>
  [...series()].flat().map((write) => ('put' in write ? { key: write.put, value: write.value } : undefined)),
);

describe('the cluster of the scale rig', () => {
  test.each(Object.entries(SCHEMAS))('records under %s can be read', (prefix, schema) => {
    const own = entries.flatMap((entry) => (entry && kindOf(entry.key) === prefix ? [entry] : []));
    expect(own.length).toBeGreaterThan(0);
    for (const entry of own) parseRecord<unknown>(schema, entry);
  });

  test('every host has every network, and every endpoint an address of its own', () => {
    const count = (prefix: string) =>
      new Set(entries.map((entry) => entry?.key).filter((key) => key?.startsWith(prefix))).size;
    expect(count(keys.hosts())).toBe(size.hosts);
    expect(count(keys.bindings())).toBe(size.hosts * (size.networks + 1));
    expect(count(keys.poolReferences())).toBe(size.hosts * (size.networks + 1));
    expect(count(keys.endpoints())).toBe(size.endpoints + size.big);
    const addresses = entries.flatMap((entry) => (entry && parseAddressKey(entry.key) ? [entry.key] : []));
    expect(new Set(addresses).size).toBe(addresses.length);
  });
});

test('an absence of etcd, an endpoint that the kernel lacks, and a failure are faults', () => {
  expect(findFaults({ contestant: 'x', figures: { absences: 0, wrong: 0 } })).toEqual([]);
  expect(findFaults({ contestant: 'x', figures: { absences: 1, wrong: 1 }, failure: 'broken' })).toEqual([
    'x: broken',
    'x: etcd was taken for away 1 times, and answered all the time',
    'x: the kernel differs from etcd in 1 endpoints',
  ]);
});

test('absences are counted by the words with which they are logged', () => {
  expect(readFileSync('src/store/outage/outage.ts', 'utf8')).toContain(`logger.warn('${AWAY}'`);
});
