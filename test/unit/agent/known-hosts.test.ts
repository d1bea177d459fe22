import { expect, test } from '@jest/globals';
import { listKnownHosts } from '../../../src/agent/hosts/known-hosts.js';
import { keys } from '../../../src/model/keys.js';
import { MemoryStore } from '../../../src/store/local/memory-store.js';

const HOST = 'c175304f-3119-4e86-b1ad-2b5105866d3a';

test('what the cluster holds for swarm is of no host, and what is left of a removed host is its own', async () => {
  await using store = new MemoryStore();
  const put = (hostId: string) => {
    const record = { version: 1, poolKey: 'pool', hostId, hostName: 'h1', reference: '1' };
    return { put: keys.poolReference('pool', hostId, '1'), value: JSON.stringify(record) };
  };
  await store.commit([], [put('cluster'), put(HOST)]);
  expect(await listKnownHosts(store)).toEqual([{ id: HOST, alive: false, endpoints: 0, networks: 0 }]);
});
