import { expect, test } from '@jest/globals';
import { listKnownHosts } from '../../../src/agent/hosts/known-hosts.js';
import { XnetError } from '../../../src/errors.js';
import { putBinding, putEndpoint } from '../../../src/model/by-host.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import { MemoryStore } from '../../support/store/memory-store.js';

const HOST = 'c175304f-3119-4e86-b1ad-2b5105866d3a';

test('what the cluster holds for swarm is of no host, and what is left of a removed host is its own', async () => {
  await using store = new MemoryStore();
  const put = (hostId: string) => {
    const poolKey = 'xnet-local~10.1.0.0/24';
    const record = { version: 1, poolKey, hostId, hostName: 'h1', reference: '1' };
    return { put: keys.poolReference(poolKey, hostId, '1'), value: JSON.stringify(record) };
  };
  await store.commit([], [put('cluster'), put(HOST)]);
  expect(await listKnownHosts(store)).toEqual([{ id: HOST, alive: false, endpoints: 0, networks: 0 }]);
});

test('while the store is away the hosts are those that were last known, without what they have', async () => {
  class Away extends MemoryStore {
    override async list(prefix: string) {
      if (![keys.hosts(), keys.aliveHosts()].includes(prefix)) throw away();
      return { ...(await super.list(prefix)), recalled: true as const };
    }
    override async count(): Promise<number> {
      throw away();
    }
  }
  const away = () => new XnetError('STORE_UNAVAILABLE', 'it is switched off');
  await using store = new Away();
  const value = formatRecord({
    ...{ version: 1, id: HOST, name: 'h1', vtep: '198.18.0.1', vxlanPort: 4789, xnetVersion: 'test' },
  });
  await store.commit([], [{ put: keys.host(HOST), value }]);
  expect(await listKnownHosts(store)).toEqual([{ id: HOST, name: 'h1', vtep: '198.18.0.1' }]);
});

test('a host of which an older xnet has left the twins when it removed it is shown, and so can be removed again', async () => {
  await using store = new MemoryStore();
  const twin = keys.bindingTwin({ networkId: 'n', hostId: HOST, dockerNetworkId: 'd' });
  await store.commit([], [{ put: twin, value: '{}' }]);
  expect(await listKnownHosts(store)).toEqual([{ id: HOST, alive: false, endpoints: 0, networks: 0 }]);
});

test('in a cluster with too many records for one list the networks and endpoints of each host are counted', async () => {
  class Large extends MemoryStore {
    override async count(prefix: string): Promise<number> {
      return prefix.startsWith(keys.byHost()) && prefix !== keys.byHost() ? super.count(prefix) : 1_000_000;
    }
  }
  await using store = new Large();
  const [newer, older] = [HOST, HOST.replace('c', 'd')];
  const host = (id: string, twins: object) => ({
    put: keys.host(id),
    value: JSON.stringify({
      id,
      name: id,
      vtep: '198.18.0.1',
      vxlanPort: 4789,
      xnetVersion: 'test',
      ...twins,
    }),
  });
  const endpoint = {
    ...{ version: 1 as const, id: 'e', networkId: 'n', dockerNetworkId: 'd' },
    addresses: [],
    mac: '02:00:00:00:00:01',
  };
  const binding = { version: 1 as const, networkId: 'n', dockerNetworkId: 'd' };
  await store.commit(
    [],
    [
      ...[host(newer, { twins: true }), host(older, {}), { put: keys.network('n'), value: '{}' }],
      ...[...putBinding({ ...binding, hostId: newer }), ...putEndpoint({ ...endpoint, hostId: newer })],
      ...putBinding({ ...binding, hostId: older }).slice(0, 1),
    ],
  );
  expect(await listKnownHosts(store)).toMatchObject([
    { id: newer, networks: 1, endpoints: 1 },
    { id: older, networks: 1, endpoints: 0 },
  ]);
});
