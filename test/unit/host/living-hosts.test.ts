import { expect, test } from '@jest/globals';
import { XnetError } from '../../../src/errors.js';
import { askOthers, livingOthers } from '../../../src/host/answers/living-hosts.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import type { Entry, Snapshot, Store } from '../../../src/store/store.js';

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

/** One that refuses all, as an etcd that is full refuses writes, or any of them a user without rights. */
const refuse = () => Promise.reject(new XnetError('STORE_UNAVAILABLE', 'etcd at e has no space left'));
const refusing = {
  description: 'etcd e',
  list: refuse,
  grantLease: refuse,
  commit: refuse,
} as unknown as Store;
const refusal = 'not asked: etcd at e has no space left';

test('a store that takes no question is what the others refuse; what this host has to say is not lost', async () => {
  const question = { kind: 'doctor', parameters: {}, hostIds: ['h2', 'h3'] };
  expect(await askOthers(refusing, 'h1', question, 1_000)).toEqual([
    { hostId: 'h2', values: [], refusal },
    { hostId: 'h3', values: [], refusal },
  ]);
});

test('so it is with a store that does not say who is alive', async () => {
  expect(await livingOthers(refusing, 'h1')).toEqual({
    hosts: [],
    refusals: [{ host: 'other hosts', refusal }],
  });
});
