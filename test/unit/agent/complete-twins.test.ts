import { describe, expect, test } from '@jest/globals';
import { HostRegistration } from '../../../src/agent/hosts/host-registration.js';
import { completeTwins } from '../../../src/agent/local/complete-twins.js';
import { listHostRecords } from '../../../src/agent/local/host-records.js';
import { nextTurn } from '../../../src/concurrency/turns.js';
import { putBinding, putEndpoint, putHold, removeEndpoint } from '../../../src/model/by-host.js';
import { hostRecord } from '../../../src/model/host.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord, parseRecord } from '../../../src/model/record.js';
import type { Condition, Store, Write } from '../../../src/store/store.js';
import { silentLogger } from '../../support/loggers.js';
import { MemoryStore } from '../../support/store/memory-store.js';
import { contentOf, expectTwins, withoutTwins } from '../../support/store/twins.js';

const ID = '00000001-0000-0000-0000-000000000000';
const OTHER = '00000002-0000-0000-0000-000000000000';
const HOST = {
  ...{ version: 1 as const, id: ID, name: 'h1', vtep: '198.18.0.1' },
  ...{ vxlanPort: 4789, xnetVersion: 'test' },
};
const POOL = 'xnet-local~10.1.0.0/24';

const binding = (networkId: string, hostId = ID) => ({
  ...{ version: 1 as const, networkId, hostId, dockerNetworkId: `docker-${networkId}` },
});
const endpoint = (networkId: string, id: string, hostId = ID) => ({
  ...{ version: 1 as const, id, networkId, dockerNetworkId: `docker-${networkId}`, hostId },
  ...{ addresses: ['10.1.0.2'], mac: '02:00:00:00:00:01' },
});
const hold = (reference: string, hostId = ID) => ({
  ...{ version: 1 as const, poolKey: POOL, hostId, hostName: 'h', reference },
});

/** `count` networks, of which this host has each and another one the first. */
function writesOf(count: number): Write[] {
  const networks = Array.from({ length: count }, (_, index) => `net${index}`);
  return [
    ...networks.flatMap((id): Write[] => [
      { put: keys.network(id), value: formatRecord({ version: 1, id }) },
      ...putBinding(binding(id)),
      ...putEndpoint(endpoint(id, `${id}-e`)),
    ]),
    { put: keys.pool(POOL), value: formatRecord({ version: 1, space: 'xnet-local', subnet: '10.1.0.0/24' }) },
    ...[...putHold(hold('r1')), ...putHold(hold('r2', OTHER)), ...putHold(hold('c', 'cluster'))],
    ...[...putBinding(binding('net0', OTHER)), ...putEndpoint(endpoint('net0', 'theirs', OTHER))],
  ];
}

async function contentOfStore(store: Store) {
  return contentOf((await store.list('')).entries);
}

/** Of this host alone: the other one has an older xnet. */
async function expectOwnTwins(store: Store): Promise<void> {
  const content = [...(await contentOfStore(store))];
  const isOthers = ([key, value]: [string, string]) => `${key}${value}`.includes(OTHER);
  expectTwins(new Map(content.filter((entry) => !isOthers(entry))));
}

/** Without twins, as an older xnet left it. */
async function formerStore(count = 3): Promise<MemoryStore> {
  const [store, model] = [new MemoryStore(), new MemoryStore()];
  for (const write of writesOf(count)) await model.commit([], [write]);
  for (const [key, value] of withoutTwins(await contentOfStore(model)))
    await store.commit([], [{ put: key, value }]);
  return store;
}

async function register(store: Store): Promise<HostRegistration> {
  const registration = new HostRegistration(store, HOST, silentLogger);
  await registration.start();
  return registration;
}

const recordOf = async (store: Store) =>
  parseRecord(hostRecord, (await store.get(keys.host(ID))) ?? { key: '', value: '' });

describe('a host that comes from an xnet without twins', () => {
  test.each([1, 100])(
    'has all of them when it is registered, and its record says so (%i networks)',
    async (count) => {
      await using store = await formerStore(count);
      await using registration = await register(store);
      await expectOwnTwins(store);
      expect(registration.hasTwins).toBe(true);
      expect((await recordOf(store)).twins).toBe(true);
      expect((await store.list(keys.ofHost(OTHER))).entries).toEqual([]);
    },
  );

  test('has them again after that xnet has run in between: what it wrote, changed and removed', async () => {
    await using store = await formerStore();
    {
      await using _ = await register(store);
    }
    const changed = { ...binding('net0'), poolIds: ['p'] };
    const lost = putBinding(binding('gone'));
    await store.commit([], lost);
    const former: Write[] = [
      { put: keys.host(ID), value: formatRecord(HOST) },
      { put: keys.binding('net0', ID, 'docker-net0'), value: formatRecord(changed) },
      { remove: keys.binding('net1', ID, 'docker-net1') },
      { remove: keys.endpoint('net1', 'net1-e') },
      { put: keys.endpoint('net2', 'new'), value: formatRecord(endpoint('net2', 'new')) },
      { remove: keys.poolReference(POOL, ID, 'r1') },
      { put: keys.poolReference(POOL, ID, 'r3'), value: formatRecord(hold('r3')) },
    ];
    await store.commit([], former);
    await using registration = await register(store);
    await expectOwnTwins(store);
    expect(registration.hasTwins).toBe(true);
    expect((await store.get(keys.bindingTwin(changed)))?.value).toBe(formatRecord(changed));
  });

  test('has no twins left of what an older xnet on another host removed, before it saw that this one is alive', async () => {
    await using store = await formerStore();
    {
      await using _ = await register(store);
    }
    await store.commit(
      [],
      [
        { put: keys.host(OTHER), value: formatRecord({ ...HOST, id: OTHER, vtep: '198.18.0.2' }) },
        { remove: keys.binding('net1', ID, 'docker-net1') },
        { remove: keys.endpoint('net1', 'net1-e') },
        { remove: keys.poolReference(POOL, ID, 'r1') },
      ],
    );
    await using registration = await register(store);
    await expectOwnTwins(store);
    expect(registration.hasTwins).toBe(true);
    expect((await recordOf(store)).twins).toBe(true);
  });

  test('forgets what that read: of all hosts, and of the networks in which it has no endpoint', async () => {
    class Forgetting extends MemoryStore {
      readonly forgotten = new Set<string>();
      forget(prefix: string): void {
        this.forgotten.add(prefix);
      }
    }
    await using store = new Forgetting();
    for (const { key, value } of (await (await formerStore()).list('')).entries)
      await store.commit([], [{ put: key, value }]);
    await store.commit([], removeEndpoint(endpoint('net1', 'net1-e')));
    await using _ = await register(store);
    const ofAll = [keys.bindings(), keys.poolReferences(), keys.addresses(), keys.endpoints()];
    expect(store.forgotten).toEqual(new Set([keys.endpointsOf('net1'), ...ofAll]));
  });

  test('keeps the twins of endpoints that a newer xnet wrote, and loses those of another host’s', async () => {
    await using store = await formerStore();
    const newer = { ...endpoint('net0', 'newer'), version: 2 };
    const theirs = endpoint('net0', 'theirs', OTHER);
    const value = JSON.stringify(newer);
    await store.commit(
      [],
      [
        { put: keys.endpoint('net0', 'newer'), value },
        { put: keys.endpointTwin(newer), value: 'outdated' },
        { put: keys.endpointTwin({ ...theirs, hostId: ID }), value: 'outdated' },
      ],
    );
    await using registration = await register(store);
    expect(registration.hasTwins).toBe(true);
    expect((await store.get(keys.endpointTwin(newer)))?.value).toBe(value);
    expect(await store.get(keys.endpointTwin({ ...theirs, hostId: ID }))).toBeUndefined();
  });

  test('has no twins left of what was removed with it: it begins anew', async () => {
    await using store = new MemoryStore();
    await store.commit([], writesOf(2));
    for (const entry of (await store.list('')).entries)
      if (!entry.key.startsWith(keys.byHost()) && `${entry.key}${entry.value}`.includes(ID))
        await store.commit([], [{ remove: entry.key }]);
    await using _ = await register(store);
    expect((await store.list(keys.ofHost(ID))).entries).toEqual([]);
  });
});

test('however many twins are left without a record, the store is asked for some at once', async () => {
  let [asked, most] = [0, 0];
  class Counting extends MemoryStore {
    override async get(key: string) {
      asked += 1;
      most = Math.max(most, asked);
      await nextTurn();
      asked -= 1;
      return super.get(key);
    }
  }
  await using store = new Counting();
  for (let index = 0; index < 300; index += 1) {
    const twin = keys.bindingTwin(binding(`net${index}`));
    await store.commit([], [{ put: twin, value: '{}' }]);
  }
  await completeTwins(store, ID);
  expect((await store.list(keys.ofHost(ID))).entries).toEqual([]);
  expect(most).toBeLessThan(100);
});

/** Calls `before` in each commit that writes a twin. */
class InterruptedStore extends MemoryStore {
  before: () => Promise<unknown> = async () => undefined;

  override async commit(conditions: readonly Condition[], writes: readonly Write[]) {
    const { before } = this;
    if (writes.some((write) => 'put' in write && write.put.startsWith(keys.byHost()))) {
      this.before = async () => undefined;
      await before();
    }
    return super.commit(conditions, writes);
  }
}

test('what changes meanwhile is not made anew by an older twin', async () => {
  await using store = new InterruptedStore();
  for (const write of writesOf(2))
    if ('put' in write && !write.put.startsWith(keys.byHost())) await store.commit([], [write]);
  store.before = () => store.commit([], removeEndpoint(endpoint('net0', 'net0-e')));
  await completeTwins(store, ID);
  await expectOwnTwins(store);
  expect(await store.get(keys.endpointTwin(endpoint('net0', 'net0-e')))).toBeUndefined();
});

test('the records of a host are found by network and by pool where the cluster has too many for one list', async () => {
  await using store = await formerStore();
  const small = await listHostRecords(store, ID);
  class Large extends MemoryStore {
    override async count(): Promise<number> {
      return 1_000_000;
    }
    readonly listed: string[] = [];
    override async list(prefix: string) {
      this.listed.push(prefix);
      return super.list(prefix);
    }
  }
  await using large = new Large();
  for (const { key, value } of (await store.list('')).entries) await large.commit([], [{ put: key, value }]);
  const found = await listHostRecords(large, ID);
  const keysOf = (entries: readonly { key: string }[]) => entries.map(({ key }) => key).sort();
  for (const kind of ['bindings', 'holds', 'endpoints'] as const)
    expect(keysOf(found[kind])).toEqual(keysOf(small[kind]));
  for (const kind of [keys.bindings(), keys.poolReferences(), keys.endpoints()])
    expect(large.listed).not.toContain(kind);
});
