import { expect, test } from '@jest/globals';
import { livingOthers } from '../../../src/host/answers/living-hosts.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import type { Entry, Snapshot } from '../../../src/store/store.js';

function entry(key: string, value: string): Entry {
  return { key, value, revision: 1, createRevision: 1 };
}

function host(id: string): Entry {
  const fixed = { version: 1 as const, vtep: '192.0.2.1', vxlanPort: 4789, xnetVersion: '1' };
  return entry(keys.host(id), formatRecord({ ...fixed, id, name: `name-${id}` }));
}

const ENTRIES = [
  ...['own', 'there', 'gone'].map(host),
  ...['own', 'there'].map((id) => entry(keys.alive(id), 'x')),
];

function storeWith(recalled: boolean) {
  const list = async (prefix: string): Promise<Snapshot> => ({
    revision: 1,
    entries: ENTRIES.filter(({ key }) => key.startsWith(prefix)),
    ...(recalled && { recalled: true as const }),
  });
  return { list, description: 'etcd', ...(recalled && { problem: 'etcd at e1:2379: no answer' }) };
}

test('those that are alive can be asked, but for the host itself', async () => {
  const hosts = [expect.objectContaining({ id: 'there', name: 'name-there' })];
  expect(await livingOthers(storeWith(false), 'own')).toEqual({ hosts, refusals: [] });
});

test('while the store is away it is said that nobody is asked, and why', async () => {
  const refusals = [{ host: 'other hosts', refusal: 'not asked: etcd at e1:2379: no answer' }];
  expect(await livingOthers(storeWith(true), 'own')).toEqual({ hosts: [], refusals });
});
