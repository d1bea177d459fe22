/**
 * What xnet wrote into etcd before the model had a folder of its own (two hosts, Docker 28): read, and written again as it
 * was, so that hosts of both versions work side by side.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { z } from 'zod';
import { addressRecord, parseAddressKey, stateOf } from '../../../src/model/address.js';
import { bindingRecord, isBindingOf } from '../../../src/model/binding.js';
import { endpointRecord } from '../../../src/model/endpoint.js';
import { hostRecord } from '../../../src/model/host.js';
import { keys, kindOf } from '../../../src/model/keys.js';
import { macRecord } from '../../../src/model/mac.js';
import { networkRecord } from '../../../src/model/network.js';
import { parsePoolRecordKey, poolRecord, poolReferenceRecord } from '../../../src/model/pool.js';
import { formatRecord, parseRecord } from '../../../src/model/record.js';

interface Entry {
  readonly key: string;
  readonly value: string;
}

const RECORDED = JSON.parse(readFileSync(new URL('recorded.json', import.meta.url), 'utf8')) as Entry[];

/** Kind -> how it is read, and the key that its record makes (where the record says all of it). */
const KINDS: Readonly<Record<string, (entry: Entry) => { again: string; key: string }>> = {
  [keys.hosts()]: kind(hostRecord, ({ id }) => keys.host(id)),
  [keys.networks()]: kind(networkRecord, ({ id }) => keys.network(id)),
  [keys.bindings()]: kind(bindingRecord, ({ networkId, hostId, dockerNetworkId }) =>
    keys.binding(networkId, hostId, dockerNetworkId),
  ),
  [keys.endpoints()]: kind(endpointRecord, ({ networkId, id }) => keys.endpoint(networkId, id)),
  [keys.macs()]: kind(macRecord, ({ networkId }, key) =>
    keys.mac(networkId, decodeURIComponent(key.split('/')[2] ?? '')),
  ),
  [keys.pools()]: kind(poolRecord, (_, key) => keys.pool(parsePoolRecordKey(key) ?? '')),
  [keys.poolReferences()]: kind(poolReferenceRecord, ({ poolKey, hostId, reference }) =>
    keys.poolReference(poolKey, hostId, reference),
  ),
  [keys.addresses()]: kind(addressRecord, (_, key) => {
    const { poolKey = '', address = '' } = parseAddressKey(key) ?? {};
    return keys.address(poolKey, address);
  }),
};

function kind<T extends { version: number }>(
  schema: z.ZodType<T>,
  keyOf: (record: T, key: string) => string,
) {
  return (entry: Entry) => {
    const record = parseRecord(schema, entry);
    return { again: formatRecord(record), key: keyOf(record, entry.key) };
  };
}

describe('what the version before wrote', () => {
  test.each(RECORDED.filter(({ key }) => kindOf(key) in KINDS))('$key', (entry) => {
    const { again = '', key } = KINDS[kindOf(entry.key)]?.(entry) ?? {};
    expect(JSON.parse(again)).toEqual(JSON.parse(entry.value));
    expect(key).toBe(entry.key);
  });

  test('has records of every kind, and addresses in every state but claimed, which lasts some ms', () => {
    const kinds = new Set(RECORDED.map(({ key }) => kindOf(key)));
    expect(Object.keys(KINDS).filter((each) => !kinds.has(each))).toEqual([]);
    const addresses = RECORDED.filter(({ key }) => key.startsWith(keys.addresses()));
    const states = addresses.map((entry) => stateOf(parseRecord(addressRecord, entry)));
    expect([...new Set(states)].sort()).toEqual(['bound', 'reserved', 'resting', 'shared']);
  });

  test('names the host of each binding in its key', () => {
    const hosts = RECORDED.filter(({ key }) => key.startsWith(keys.hosts())).map(
      ({ key }) => key.split('/')[1],
    );
    const bindings = RECORDED.filter(({ key }) => key.startsWith(keys.bindings()));
    for (const { key, value } of bindings) {
      const owner = (JSON.parse(value) as { hostId: string }).hostId;
      expect(hosts.filter((id) => isBindingOf(key, `${id}`))).toEqual([owner]);
    }
  });
});
