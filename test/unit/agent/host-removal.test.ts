import { describe, expect, test } from '@jest/globals';
import { removeHost } from '../../../src/agent/hosts/host-removal.js';
import { XnetError } from '../../../src/errors.js';
import { Prefix } from '../../../src/inet/prefix.js';
import { Ipam } from '../../../src/ipam/ipam.js';
import { keys } from '../../../src/model/keys.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import type { Entry, Snapshot, Store } from '../../../src/store/store.js';
import { muteLogger } from '../../support/loggers.js';
import { MemoryStore } from '../../support/store/memory-store.js';

const id = (number: number) => `0000000${number}-0000-0000-0000-000000000000`;
const put = (key: string, record: object) => ({
  put: key,
  value: JSON.stringify({ version: 1, ...record }),
});

function host(number: number) {
  const record = { id: id(number), name: `h${number}`, vtep: `198.18.0.${number}`, vxlanPort: 4789 };
  return [
    put(keys.host(id(number)), { ...record, xnetVersion: 'test' }),
    { put: keys.vtep(record.vtep), value: id(number) },
  ];
}

/** With its binding, and an endpoint, on each of these hosts. */
function network(name: string, vni: number, hosts: readonly number[]) {
  const record = { id: name, vni, multicast: true, internal: false, pools: [] };
  return [
    put(keys.network(name), record),
    { put: keys.vni(vni), value: name },
    ...hosts.flatMap((number) => {
      const [hostId, dockerNetworkId] = [id(number), `docker-${name}-${number}`];
      const endpoint = { id: `${name}-${number}`, networkId: name, dockerNetworkId, hostId };
      return [
        put(keys.binding(name, hostId, dockerNetworkId), { networkId: name, hostId, dockerNetworkId }),
        put(keys.endpoint(name, endpoint.id), { ...endpoint, addresses: [], mac: '02:42:ac:11:00:01' }),
      ];
    }),
  ];
}

/** It answers with what was last known. */
class AwayMemory extends MemoryStore {
  readonly problem = 'etcd at h1: connection refused';

  override async get(key: string, { fresh = false } = {}): Promise<Entry | undefined> {
    if (fresh) throw new XnetError('STORE_UNAVAILABLE', this.problem);
    return super.get(key);
  }

  override async list(prefix: string): Promise<Snapshot> {
    return { ...(await super.list(prefix)), recalled: true };
  }
}

async function remove(memory: Store, wanted: string) {
  await using store = new Replica(memory, new RecordReader(muteLogger));
  const ipamOf = ({ id: hostId, name: hostName }: { id: string; name: string }) =>
    new Ipam({
      ...{ store, host: { hostId, hostName }, records: new RecordReader(muteLogger) },
      defaultPools: [{ range: Prefix.parse('10.0.0.0/8'), length: 24 }],
    });
  const pools = ipamOf({ id: id(1), name: 'h1' });
  return await removeHost({ store, hostId: id(1), pools, ipamOf, logger: muteLogger }, wanted);
}

async function keysOf(store: Store): Promise<string[]> {
  return (await store.list('')).entries.map(({ key }) => key);
}

describe('a host that is removed', () => {
  test('takes its endpoints, bindings and holds with it, and the networks that nobody else has', async () => {
    await using store = new MemoryStore();
    await store.commit([], [...host(1), ...network('shared', 7, [1])]);
    const before = await keysOf(store);
    await store.commit([], [...host(2), ...network('own', 8, [2])]);
    await store.commit([], network('shared', 7, [2]));
    const lost = { networkId: 'lost', hostId: id(2), dockerNetworkId: 'd' };
    await store.commit([], [put(keys.binding('lost', id(2), 'd'), lost)]);
    expect(await remove(store, 'h2')).toMatchObject({ id: id(2), endpoints: 2, networks: 3 });
    const left = (await keysOf(store)).filter((key) => !key.startsWith('binding-guards/'));
    expect(left).toEqual(before);
  });

  test('stays as it is when a newer xnet wrote a record of it', async () => {
    await using store = new MemoryStore();
    const binding = { version: 2, networkId: 'own', hostId: id(2), dockerNetworkId: 'd' };
    const writes = [...host(2), ...network('own', 8, [2]), put(keys.binding('own', id(2), 'd'), binding)];
    await store.commit([], writes);
    const before = await store.list('');
    await expect(remove(store, 'h2')).rejects.toThrow(/cannot be read and are left alone: bindings\/own/);
    expect((await store.list('')).entries).toEqual(before.entries);
  });

  test('stays while the store is away, which is said with the reason', async () => {
    await using store = new AwayMemory();
    await store.commit([], [...host(1), ...host(2), ...network('own', 8, [2])]);
    await expect(remove(store, 'h2')).rejects.toThrow('etcd at h1: connection refused');
    // Also one that was alive when the store was last asked.
    await store.commit([], [{ put: keys.alive(id(2)), value: 'lease' }]);
    await expect(remove(store, 'h2')).rejects.toThrow('etcd at h1: connection refused');
  });
});
