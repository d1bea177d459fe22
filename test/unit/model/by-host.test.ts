import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  putBinding,
  putEndpoint,
  putHold,
  recordKeyOf,
  removeBinding,
  removeEndpoint,
  removeHold,
  twinKeyOf,
} from '../../../src/model/by-host.js';
import { keys, kindOf } from '../../../src/model/keys.js';

const HOST = '6f240828-a9ee-452a-8c4d-07cb71cb414d';
const POOL = 'xnet-local~fd00:41::/64';
const binding = { version: 1 as const, networkId: 'n', hostId: HOST, dockerNetworkId: 'd' };
const hold = { version: 1 as const, poolKey: POOL, hostId: HOST, hostName: 'h1', reference: 'r' };
const endpoint = {
  ...{ version: 1 as const, id: 'e', networkId: 'n', dockerNetworkId: 'd', hostId: HOST },
  ...{ addresses: [], mac: '02:00:00:00:00:01' },
};

const CASES = [
  {
    written: putBinding(binding),
    removed: removeBinding(binding),
    record: `bindings/n/${HOST}/d`,
    twin: `by-host/${HOST}/bindings/n/d`,
  },
  {
    written: putHold(hold),
    removed: removeHold(hold),
    record: `pool-references/xnet-local~fd00%3A41%3A%3A%2F64/${HOST}/r`,
    twin: `by-host/${HOST}/holds/xnet-local~fd00%3A41%3A%3A%2F64/r`,
  },
  {
    written: putEndpoint(endpoint),
    removed: removeEndpoint(endpoint),
    record: 'endpoints/n/e',
    twin: `by-host/${HOST}/endpoints/n/e`,
  },
];

describe.each(CASES)('$record', ({ written, removed, record, twin }) => {
  test('is written and removed with its twin, which has the same value', () => {
    expect(written.map(({ put }) => put)).toEqual([record, twin]);
    expect(new Set(written.map(({ value }) => value)).size).toBe(1);
    expect(removed.map(({ remove }) => remove)).toEqual([record, twin]);
  });

  test('is found by its twin, and its twin by it', () => {
    const value = written[0]?.value ?? '';
    expect(twinKeyOf({ key: record, value })).toBe(twin);
    expect(recordKeyOf(twin)).toBe(record);
    expect(twin.startsWith(keys.ofHost(HOST))).toBe(true);
    expect([kindOf(twin), kindOf(record)]).toEqual([
      twin.split('/').slice(0, 3).concat('').join('/'),
      `${record.split('/')[0]}/`,
    ]);
  });
});

test('the cluster’s hold on a pool has no twin, nor has anything that is not a host’s', () => {
  const [one, ...more] = putHold({ ...hold, hostId: 'cluster' });
  expect([one?.put, more]).toEqual([keys.poolReference(POOL, 'cluster', 'r'), []]);
  expect(twinKeyOf({ key: one?.put ?? '', value: one?.value ?? '' })).toBeUndefined();
  for (const key of [
    keys.network('n'),
    keys.address(POOL, 'fd00:41::1'),
    keys.mac('n', 'm'),
    keys.host(HOST),
  ])
    expect(twinKeyOf({ key, value: '{}' })).toBeUndefined();
  for (const key of [
    keys.ofHost(HOST),
    keys.bindingsOfHost(HOST),
    `${keys.ofHost(HOST)}other/a/b`,
    'bindings/n/h/d',
  ])
    expect(recordKeyOf(key)).toBeUndefined();
});

test('an endpoint that cannot be read, so that its host is not known, has none', () => {
  expect(twinKeyOf({ key: keys.endpoint('n', 'e'), value: '{"version":2}' })).toBeUndefined();
});

test('what the version before wrote has a twin for each binding, hold and endpoint', () => {
  const path = new URL('recorded.json', import.meta.url);
  const recorded = JSON.parse(readFileSync(path, 'utf8')) as { key: string; value: string }[];
  const kinds = [keys.bindings(), keys.poolReferences(), keys.endpoints()];
  for (const entry of recorded.filter(({ key }) => kinds.includes(kindOf(key))))
    expect(recordKeyOf(twinKeyOf(entry) ?? '')).toBe(entry.key);
});
