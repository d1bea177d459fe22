import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { HostRegistration } from '../../../src/agent/hosts/host-registration.js';
import { completeTwins } from '../../../src/agent/local/complete-twins.js';
import { XnetError } from '../../../src/errors.js';
import { putBinding, removeBinding } from '../../../src/model/by-host.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import { createLogger, type Logger } from '../../../src/observability/logger.js';
import { Replica } from '../../../src/replica/replica.js';
import { ownershipOf } from '../../../src/store/known/own-keys.js';
import { FailStaticStore } from '../../../src/store/outage/fail-static-store.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import type { Entry, ListOptions, Store } from '../../../src/store/store.js';
import { muteLogger } from '../../support/loggers.js';
import { FailingStore, type StoreMode } from '../../support/store/failing-store.js';
import { MemoryStore } from '../../support/store/memory-store.js';
import { WatchRecorder } from '../../support/store/watch-recorder.js';
import { eventually } from '../../support/time/eventually.js';

const NET = 'aaaaaaaaaaaa';
const POOL = 'xnet-local/10.1.0.0/24';
const endpointKey = (id: string) => keys.endpoint(NET, id);
const addressKey = (last: number) => keys.address(POOL, `10.1.0.${last}`);

const endpoint = (id: string, hostId = 'me') =>
  JSON.stringify({
    ...{ version: 1, id, networkId: NET, dockerNetworkId: 'd', hostId },
    ...{ addresses: ['10.1.0.2'], mac: '02:00:00:00:00:01' },
  });
const address = (hostId: string, state = 'claimed', claim = 'c') =>
  JSON.stringify({
    ...{ version: 1, state, hostId, hostName: hostId, claim },
    ...{ references: ['r'], purpose: 'endpoint' },
  });
const put = (key: string, value: string) => ({ put: key, value });

let directory: string;
let cluster: MemoryStore;
let etcd: FailingStore;
let store: FailStaticStore;

/** What is on disk in a test is there for another reason than that time has passed. */
const TIMING = { patienceMs: 100, returnMs: 200, probeMs: 20, behindMs: 3_600_000, settleMs: 100 };

/** What was logged as a warning. */
let warnings: string[];
const RESTORED = 'the store was restored from an older backup';

async function open(): Promise<FailStaticStore> {
  const nothing = () => undefined;
  const errors = createLogger({ level: 'error', format: 'json' });
  const logger: Logger = {
    error: (text, fields) => errors.error(text, fields),
    warn: (text) => void warnings.push(text),
    info: nothing,
    debug: nothing,
  };
  return FailStaticStore.open(etcd, {
    stateDirectory: directory,
    ownership: ownershipOf('me'),
    logger,
    timing: TIMING,
  });
}

/** The daemon ends and another one starts, the store being as it is. */
async function restart(): Promise<void> {
  await store[Symbol.asyncDispose]();
  etcd = new FailingStore(cluster);
}

const write = (to: Store, key: string, value: string) => to.commit([], [put(key, value)]);
const valueAt = async (from: Store, key: string) => (await from.get(key))?.value;

/** Disposing of `cluster` is left to the test's end. */
class Kept extends MemoryStore {
  override async [Symbol.asyncDispose](): Promise<void> {}
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnet-static-'));
  warnings = [];
  cluster = new Kept();
  etcd = new FailingStore(cluster);
  await write(cluster, addressKey(2), address('me'));
  await write(cluster, addressKey(3), address('other'));
  await write(cluster, addressKey(4), address('me', 'resting'));
  await write(cluster, keys.network(NET), '{"a":"network"}');
  store = await open();
  for (const prefix of [keys.addressesOf(POOL), keys.networks(), keys.endpointsOf(NET)])
    await store.list(prefix);
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function backAgain(): Promise<void> {
  etcd.mode = 'answers';
  await eventually(() => expect(store.away).toBe(false));
}

describe.each<StoreMode>(['refuses', 'hangs', 'forgets to answer'])('while the store %s', (mode) => {
  beforeEach(() => {
    etcd.mode = mode;
  });

  test('what was listed is read as it was, and the rest is refused with the reason', async () => {
    expect(await valueAt(store, addressKey(3))).toBe(address('other'));
    expect((await store.list(keys.addressesOf(POOL))).entries).toHaveLength(3);
    expect(await store.get(addressKey(9))).toBeUndefined();
    const reason = mode === 'refuses' ? /switched off/ : /no answer in (time|100 ms)/;
    await expect(store.get('pools/x')).rejects.toThrow(reason);
    await expect(write(store, 'pools/x', 'v')).rejects.toThrow(reason);
    expect(store.away).toBe(true);
    expect(store.problem).toMatch(reason);
  });

  test('endpoints and claimed addresses of this host are written, seen at once, and in the store when it answers', async () => {
    const own = await store.get(addressKey(2));
    const { committed } = await store.commit(
      [
        { key: keys.network(NET), is: 'present' },
        { key: addressKey(2), is: 'at', revision: own?.revision ?? 0 },
      ],
      [put(addressKey(2), address('me', 'claimed', 'mine')), put(endpointKey('e1'), endpoint('e1'))],
    );
    expect(committed).toBe(true);
    expect(await valueAt(store, endpointKey('e1'))).toBe(endpoint('e1'));
    expect((await store.list(keys.endpointsOf(NET))).entries.map(({ key }) => key)).toEqual([
      endpointKey('e1'),
    ]);
    await backAgain();
    expect(await valueAt(cluster, endpointKey('e1'))).toBe(endpoint('e1'));
    expect(await valueAt(cluster, addressKey(2))).toBe(address('me', 'claimed', 'mine'));
    expect(store.problem).toBeUndefined();
  });

  test('what is another host’s, free, or resting is not written', async () => {
    await store.get(addressKey(2));
    for (const last of [3, 4, 9])
      await expect(write(store, addressKey(last), address('me'))).rejects.toThrow();
    await expect(store.commit([], [{ remove: addressKey(3) }])).rejects.toThrow();
    await expect(write(store, endpointKey('e2'), endpoint('e2', 'other'))).rejects.toThrow();
    await backAgain();
    expect(await valueAt(cluster, addressKey(3))).toBe(address('other'));
    expect(await valueAt(cluster, addressKey(4))).toBe(address('me', 'resting'));
  });

  test('what was written survives the daemon, with all that it had read', async () => {
    await write(store, endpointKey('e1'), endpoint('e1'));
    await restart();
    etcd.mode = mode;
    store = await open();
    expect(store.away).toBe(true);
    expect(await valueAt(store, endpointKey('e1'))).toBe(endpoint('e1'));
    expect(await valueAt(store, addressKey(3))).toBe(address('other'));
    await backAgain();
    expect(await valueAt(cluster, endpointKey('e1'))).toBe(endpoint('e1'));
  });

  test('what had been read is on disk at once, also for a daemon whose forerunner is killed', async () => {
    expect(await valueAt(store, addressKey(3))).toBe(address('other'));
    await eventually(async () => {
      const lines = (await readFile(join(directory, 'last-known.jsonl'), 'utf8')).trim().split('\n');
      expect(lines.map((line) => JSON.parse(line))).toContainEqual(
        expect.objectContaining({ key: addressKey(3), value: address('other') }),
      );
    });
  });

  test('a condition that does not hold here refuses the commit and tells what there is', async () => {
    const result = await store.commit(
      [{ key: addressKey(2), is: 'absent' }],
      [put(addressKey(2), address('me'))],
    );
    expect(result).toMatchObject({ committed: false, found: [{ key: addressKey(2) }] });
  });

  test('an address put to rest rests in the store from its return, under a lease', async () => {
    const lease = await store.grantLease({ ttlSeconds: 1, keepAlive: false });
    await store.commit([], [{ ...put(addressKey(2), address('me', 'resting')), lease }]);
    expect(await valueAt(store, addressKey(2))).toBe(address('me', 'resting'));
    await backAgain();
    expect(await valueAt(cluster, addressKey(2))).toBe(address('me', 'resting'));
    await eventually(async () => expect(await cluster.get(addressKey(2))).toBeUndefined());
  });

  test('a watch that begins tells what is known, then own writes, then what the store has', async () => {
    await using recorder = new WatchRecorder(store, keys.endpointsOf(NET));
    await recorder.until(({ snapshots }) => snapshots > 0);
    await write(store, endpointKey('e1'), endpoint('e1'));
    await recorder.until(({ state }) => state.has(endpointKey('e1')));
    await write(cluster, endpointKey('e7'), endpoint('e7', 'other'));
    await backAgain();
    await recorder.until(({ state }) => state.has(endpointKey('e7')) && state.has(endpointKey('e1')));
    await write(cluster, endpointKey('e7'), endpoint('e7', 'third'));
    await recorder.until(({ state }) => state.get(endpointKey('e7')) === endpoint('e7', 'third'));
    expect(recorder.state.get(endpointKey('e1'))).toBe(endpoint('e1'));
  });

  test('what was made and removed again leaves nothing', async () => {
    await write(store, endpointKey('e1'), endpoint('e1'));
    await store.commit([], [{ remove: endpointKey('e1') }]);
    await backAgain();
    expect(await cluster.get(endpointKey('e1'))).toBeUndefined();
  });
});

test('a long list is no absence as long as its parts come', async () => {
  const list = cluster.list.bind(cluster);
  cluster.list = async (prefix: string, { onProgress }: ListOptions = {}) => {
    for (let part = 0; part < 6; part += 1) {
      await pause(TIMING.patienceMs / 2);
      onProgress?.();
    }
    return list(prefix);
  };
  await write(cluster, addressKey(9), address('other'));
  expect((await store.list(keys.addressesOf(POOL))).recalled).toBeUndefined();
  expect(store.away).toBe(false);
});

test('a revision known from before the store’s return is as good after it', async () => {
  etcd.mode = 'refuses';
  await write(store, addressKey(2), address('me', 'claimed', 'one'));
  const seen = await store.get(addressKey(2));
  await backAgain();
  const change = { key: addressKey(2), is: 'at', revision: seen?.revision ?? 0 } as const;
  const next = await store.commit([change], [put(addressKey(2), address('me', 'claimed', 'two'))]);
  expect(next.committed).toBe(true);
  const outdated = await store.commit([change], [put(addressKey(2), address('me', 'claimed', 'three'))]);
  expect(outdated.committed).toBe(false);
});

test('a change of this host’s own is marked: what others wrote before it may still come', async () => {
  await using recorder = new WatchRecorder(store, keys.endpointsOf(NET));
  await recorder.until(({ snapshots }) => snapshots > 0);
  etcd.mode = 'refuses';
  await write(store, endpointKey('e1'), endpoint('e1'));
  await recorder.until(({ state }) => state.has(endpointKey('e1')));
  await backAgain();
  await write(cluster, endpointKey('e7'), endpoint('e7', 'other'));
  await recorder.until(({ state }) => state.has(endpointKey('e7')));
  const changes = recorder.batches.flatMap((batch) => (batch.type === 'changes' ? batch : []));
  const ofKey = (key: string) =>
    changes.filter(({ changes: all }) => all.some((each) => each.entry?.key === key));
  expect(ofKey(endpointKey('e1'))[0]?.isAhead).toBe(true);
  expect(ofKey(endpointKey('e7')).some(({ isAhead }) => isAhead === true)).toBe(false);
});

test('an address given up just before a power cut is not taken for this host’s while the store is away', async () => {
  const lease = await store.grantLease({ ttlSeconds: 60, keepAlive: false });
  await restart();
  store = await open();
  const before = await readFile(join(directory, 'last-known.jsonl'));
  expect(before.includes('10.1.0.2')).toBe(true);
  await store.commit([], [{ ...put(addressKey(2), address('me', 'resting')), lease }]);
  const journal = await readFile(join(directory, 'own-writes.jsonl'));
  await restart();
  // What the power cut leaves: the file of what is known is seconds old.
  await writeFile(join(directory, 'last-known.jsonl'), before);
  await writeFile(join(directory, 'own-writes.jsonl'), journal);
  etcd.mode = 'refuses';
  store = await open();
  await expect(write(store, addressKey(2), address('me'))).rejects.toThrow(/switched off/);
});

test('an address given up and claimed again is this host’s after a restart while the store is away', async () => {
  await store.commit([], [{ remove: addressKey(2) }]);
  await write(store, addressKey(2), address('me', 'claimed', 'again'));
  await restart();
  etcd.mode = 'refuses';
  store = await open();
  expect(await valueAt(store, addressKey(2))).toBe(address('me', 'claimed', 'again'));
});

test('an address that was perhaps given up is not claimed again before the store answers', async () => {
  etcd.mode = 'forgets to answer';
  await store.commit([], [{ remove: addressKey(2) }]);
  await write(cluster, addressKey(2), address('other'));
  await expect(write(store, addressKey(2), address('me'))).rejects.toThrow(/no answer/);
  await backAgain();
  expect(await valueAt(cluster, addressKey(2))).toBe(address('other'));
  await eventually(async () => expect(await valueAt(store, addressKey(2))).toBe(address('other')));
});

test('a store that takes no writes keeps what is this host’s and goes on reading', async () => {
  etcd.mode = 'takes no writes';
  await write(store, endpointKey('e1'), endpoint('e1'));
  await write(cluster, endpointKey('e7'), endpoint('e7', 'other'));
  expect(store.away).toBe(true);
  await backAgain();
  expect(await valueAt(cluster, endpointKey('e1'))).toBe(endpoint('e1'));
});

test('a record that is another host’s after a restore stays', async () => {
  etcd.mode = 'refuses';
  await write(store, addressKey(2), address('me', 'claimed', 'one'));
  await write(cluster, addressKey(2), address('other'));
  await backAgain();
  expect(await valueAt(cluster, addressKey(2))).toBe(address('other'));
  expect(await valueAt(store, addressKey(2))).toBe(address('other'));
});

test('what another store’s cluster said is of no use here', async () => {
  await restart();
  const another = new (class extends Kept {
    override readonly description = 'another';
  })();
  etcd = new FailingStore(another);
  etcd.mode = 'refuses';
  store = await open();
  await expect(store.get(addressKey(2))).rejects.toThrow(/switched off/);
});

/** Another store takes the cluster's place: with these entries under the same revisions, as a backup has them. */
async function restoreFrom(entries: readonly Entry[]): Promise<MemoryStore> {
  const restored = new Kept();
  for (const { key, value, revision } of [...entries].sort((a, b) => a.revision - b.revision)) {
    while ((await restored.list('')).revision < revision - 1) await write(restored, 'x', '');
    await write(restored, key, value);
  }
  cluster = restored;
  etcd.replace(restored);
  return restored;
}

test('a store restored from an older backup gets back what it lost, and what was removed since goes again', async () => {
  const removed = [endpointKey('e0'), endpoint('e0')] as const;
  await write(store, ...removed);
  const backup = (await cluster.list('')).entries;
  const prefixes = [keys.addressesOf(POOL), keys.networks(), keys.endpointsOf(NET)];
  const recorders = prefixes.map((prefix) => new WatchRecorder(store, prefix));
  await store.commit([], [{ remove: removed[0] }]);
  for (let count = 0; count < 20; count += 1) await write(store, endpointKey('e1'), endpoint('e1'));
  await write(store, addressKey(2), address('me', 'claimed', 'later'));
  await write(store, keys.network('bbbbbbbbbbbb'), '{"another":"network"}');
  await store.commit([], [{ remove: keys.network(NET) }]);
  for (const recorder of recorders) await recorder.until(({ state }) => state.size > 0);
  await recorders[1]?.until(({ state }) => state.size === 1);

  const restored = await restoreFrom(backup);
  await write(restored, endpointKey('e9'), endpoint('e9', 'other'));
  await write(restored, keys.network('cccccccccccc'), '{"new":"network"}');
  await eventually(async () => {
    expect(await valueAt(restored, endpointKey('e1'))).toBe(endpoint('e1'));
    expect(await valueAt(restored, addressKey(2))).toBe(address('me', 'claimed', 'later'));
    expect(await valueAt(restored, keys.network('bbbbbbbbbbbb'))).toBe('{"another":"network"}');
    expect(await restored.get(removed[0])).toBeUndefined();
    expect(await restored.get(keys.network(NET))).toBeUndefined();
    expect(store.away).toBe(false);
  });
  expect(await valueAt(restored, endpointKey('e9'))).toBe(endpoint('e9', 'other'));
  expect(await valueAt(restored, keys.network('cccccccccccc'))).toBe('{"new":"network"}');
  expect(await valueAt(store, endpointKey('e9'))).toBe(endpoint('e9', 'other'));
  expect(warnings.filter((text) => text === RESTORED)).toHaveLength(1);
  for (const recorder of recorders) await recorder.stop();
});

describe('bindings, of which this host watches the twins', () => {
  const binding = (networkId: string, more = {}) => ({
    ...{ version: 1 as const, networkId, hostId: 'me', dockerNetworkId: 'd', ...more },
  });
  const recordKey = (networkId: string) => keys.binding(networkId, 'me', 'd');

  test('are put back, changed and removed again with their twins after a restore', async () => {
    await store.commit([], [...putBinding(binding('old')), ...putBinding(binding('kept'))]);
    const backup = (await cluster.list('')).entries;
    const recorder = new WatchRecorder(store, keys.ofHost('me'));
    await recorder.until(({ state }) => state.size === 2);
    await store.commit([], removeBinding(binding('old')));
    const changed = binding('kept', { poolIds: ['p'] });
    await store.commit([], putBinding(changed));
    await store.commit([], putBinding(binding('new')));
    for (let count = 0; count < 20; count += 1) await write(store, endpointKey('e1'), endpoint('e1'));
    await recorder.until(({ state }) => state.has(keys.bindingTwin(binding('new'))));
    const restored = await restoreFrom(backup);
    await eventually(async () => {
      for (const [networkId, wanted] of [
        ['new', binding('new')],
        ['kept', changed],
      ] as const) {
        expect(await valueAt(restored, recordKey(networkId))).toBe(JSON.stringify(wanted));
        expect(await valueAt(restored, keys.bindingTwin(wanted))).toBe(JSON.stringify(wanted));
      }
      expect(await restored.get(recordKey('old'))).toBeUndefined();
      expect(await restored.get(keys.bindingTwin(binding('old')))).toBeUndefined();
      expect(store.away).toBe(false);
    });
    await recorder.stop();
  });

  test('have their twins too after a restore of a backup of an older xnet, which has none', async () => {
    const outdated = JSON.stringify(binding('kept'));
    await write(cluster, recordKey('kept'), outdated);
    const backup = (await cluster.list('')).entries;
    const recorder = new WatchRecorder(store, keys.ofHost('me'));
    const changed = binding('kept', { poolIds: ['p'] });
    await store.commit([], putBinding(changed));
    for (let count = 0; count < 20; count += 1) await write(store, endpointKey('e1'), endpoint('e1'));
    await recorder.until(({ state }) => state.size === 1);
    const restored = await restoreFrom(backup);
    await eventually(async () => {
      expect(await valueAt(restored, recordKey('kept'))).toBe(JSON.stringify(changed));
      expect(await valueAt(restored, keys.bindingTwin(changed))).toBe(JSON.stringify(changed));
      expect(store.away).toBe(false);
    });
    await recorder.stop();
  });

  test('that a backup of an older xnet has, and were removed since, are known again, so that they can be removed', async () => {
    const host = { version: 1 as const, id: 'me', name: 'h1', vtep: '198.18.0.1' };
    const record = { ...host, vxlanPort: 4789, xnetVersion: 'test' };
    await write(cluster, recordKey('old'), JSON.stringify(binding('old')));
    await write(cluster, keys.host('me'), formatRecord(record));
    const backup = (await cluster.list('')).entries;
    await using replica = new Replica(store, new RecordReader(muteLogger));
    const register = async () => {
      await using registration = new HostRegistration(replica, record, muteLogger);
      await registration.start();
    };
    await register();
    const recorders = [keys.ofHost('me'), keys.hosts()].map((prefix) => new WatchRecorder(store, prefix));
    for (const recorder of recorders) await recorder.until(({ state }) => state.size === 1);
    await store.commit([], removeBinding(binding('old')));
    for (let count = 0; count < 20; count += 1) await write(store, endpointKey('e1'), endpoint('e1'));
    await recorders[0]?.until(({ state }) => state.size === 0);
    const restored = await restoreFrom(backup);
    await eventually(() => expect(warnings).toContain(RESTORED));
    await eventually(() => expect(store.away).toBe(false));
    await register();
    expect(await restored.get(keys.bindingTwin(binding('old')))).toBeDefined();
    for (const recorder of recorders) await recorder.stop();
  });

  test('of an older xnet get their twins while the store is away, and these are in the store when it answers', async () => {
    await write(cluster, recordKey('n1'), JSON.stringify(binding('n1')));
    for (const prefix of [keys.bindings(), keys.poolReferences(), keys.pools()]) await store.list(prefix);
    await restart();
    etcd.mode = 'refuses';
    store = await open();
    await completeTwins(store, 'me', { byKnown: true });
    expect((await store.list(keys.bindingsOfHost('me'))).entries).toMatchObject([
      { key: keys.bindingTwin(binding('n1')), value: JSON.stringify(binding('n1')) },
    ]);
    await backAgain();
    expect(await valueAt(cluster, keys.bindingTwin(binding('n1')))).toBe(JSON.stringify(binding('n1')));
    expect(warnings).not.toContain(RESTORED);
  });

  test('are known by their twins where the daemon was killed while it compared them, and the store is away', async () => {
    const host = { version: 1 as const, id: 'me', name: 'h1', vtep: '198.18.0.1' };
    const record = { ...host, vxlanPort: 4789, xnetVersion: 'test' };
    await store.commit(
      [],
      [
        ...putBinding(binding('n1')),
        put(keys.host('me'), formatRecord(record)),
        put(keys.vtep(host.vtep), 'me'),
      ],
    );
    for (const prefix of [keys.hosts(), keys.ofHost('me')]) await store.list(prefix);
    await restart();
    etcd.mode = 'refuses';
    store = await open();
    await using replica = new Replica(store, new RecordReader(muteLogger));
    await using registration = new HostRegistration(replica, record, muteLogger);
    await registration.start();
    expect((await store.list(keys.bindingsOfHost('me'))).entries).toHaveLength(1);
    expect(registration.hasTwins).toBe(false);
  });

  /** As an older xnet has left the state directory: it lists all bindings, and knows no twins. */
  async function restartAfterOlder(): Promise<void> {
    for (const prefix of [keys.bindings(), keys.poolReferences()]) await store.list(prefix);
    for (let count = 0; count < 20; count += 1) await write(store, endpointKey('e1'), endpoint('e1'));
    await restart();
  }

  test('stay where the backup has their twins, and an older xnet without these has run since', async () => {
    await store.commit([], putBinding(binding('n1')));
    const backup = (await cluster.list('')).entries;
    await restartAfterOlder();
    const restored = await restoreFrom(backup);
    store = await open();
    await store.list(keys.networks());
    expect(warnings).toContain(RESTORED);
    await eventually(() => expect(store.away).toBe(false));
    expect(await valueAt(restored, recordKey('n1'))).toBe(JSON.stringify(binding('n1')));
    expect(await valueAt(restored, keys.bindingTwin(binding('n1')))).toBe(JSON.stringify(binding('n1')));
  });

  test('stay where all bindings are forgotten after a restore is found, and before it is compared', async () => {
    await store.commit([], putBinding(binding('n1')));
    const backup = (await cluster.list('')).entries;
    await restartAfterOlder();
    const restored = await restoreFrom(backup);
    const gate: { open?: () => void } = {};
    const probed = new Promise<void>((resolve) => {
      gate.open = resolve;
    });
    const get = etcd.get.bind(etcd);
    etcd.get = async (key) => {
      if (key === 'probe') await probed;
      return get(key);
    };
    store = await open();
    await store.list(keys.networks());
    store.forget(keys.bindings());
    gate.open?.();
    await eventually(() => expect(store.away).toBe(false));
    expect(await valueAt(restored, recordKey('n1'))).toBe(JSON.stringify(binding('n1')));
    etcd.mode = 'refuses';
    await expect(store.list(keys.bindings())).rejects.toThrow(/switched off/);
  });
});

test('an endpoint that an older xnet wrote or removed while the store was away has its twin, or none, after an upgrade', async () => {
  await write(
    cluster,
    keys.binding(NET, 'me', 'd'),
    JSON.stringify({ version: 1, networkId: NET, hostId: 'me', dockerNetworkId: 'd' }),
  );
  for (const prefix of [keys.bindings(), keys.poolReferences(), keys.pools()]) await store.list(prefix);
  await write(store, endpointKey('e1'), endpoint('e1'));
  etcd.mode = 'refuses';
  await write(store, endpointKey('e2'), endpoint('e2'));
  await store.commit([], [{ remove: endpointKey('e1') }]);
  await restart();
  etcd.mode = 'refuses';
  store = await open();
  await completeTwins(store, 'me', { byKnown: true });
  const twins = async (from: Store) =>
    (await from.list(keys.endpointsOfHost('me'))).entries.map(({ key }) => key);
  const wanted = [keys.endpointTwin(JSON.parse(endpoint('e2')))];
  expect(await twins(store)).toEqual(wanted);
  await backAgain();
  expect(await twins(cluster)).toEqual(wanted);
});

test('a list that is read once is not known when the store is away', async () => {
  await store.list(keys.bindings(), { once: true });
  etcd.mode = 'refuses';
  await expect(store.list(keys.bindings())).rejects.toThrow(/switched off/);
});

test('what is forgotten is not known any more, but for what is known by another prefix', async () => {
  await store.list(keys.addresses());
  store.forget(keys.addresses());
  etcd.mode = 'refuses';
  expect((await store.list(keys.addressesOf(POOL))).entries).toHaveLength(3);
  await expect(store.list(keys.addresses())).rejects.toThrow(/switched off/);
});

test('what a restored store has is not known without a look at its past, where the daemon ends during that', async () => {
  const backup = (await cluster.list('')).entries;
  const recorder = new WatchRecorder(store, keys.endpointsOf(NET));
  for (let count = 0; count < 20; count += 1) await write(store, endpointKey('e1'), endpoint('e1'));
  await recorder.until(({ state }) => state.size === 1);
  const gate: { open?: () => void } = {};
  const asked = new Promise<void>((resolve) => {
    etcd.past = () => {
      resolve();
      return new Promise((_, reject) => {
        gate.open = () => reject(new XnetError('STOPPING', 'the store is closed'));
      });
    };
  });
  const restored = await restoreFrom(backup);
  await asked;
  const restarted = restart();
  gate.open?.();
  await Promise.all([recorder.stop(), restarted]);
  store = await open();
  await store.list(keys.networks());
  await eventually(() => expect(store.away).toBe(false));
  expect(await valueAt(restored, endpointKey('e1'))).toBe(endpoint('e1'));
});

test('what a silent host has lost is put back for it; a host that has put back its own knows best', async () => {
  const backup = (await cluster.list('')).entries;
  const recorder = new WatchRecorder(store, keys.endpointsOf(NET));
  await write(cluster, endpointKey('e7'), endpoint('e7', 'silent'));
  await write(cluster, endpointKey('e8'), endpoint('e8', 'other'));
  await recorder.until(({ state }) => state.size === 2);
  const restored = await restoreFrom(backup);
  await write(restored, keys.putBack('other'), 'said');
  await eventually(async () => expect(await restored.get(endpointKey('e7'))).toBeDefined());
  await recorder.until(({ state }) => state.size === 1);
  await eventually(() => expect(store.away).toBe(false));
  expect(await restored.get(endpointKey('e8'))).toBeUndefined();
  expect(await valueAt(restored, keys.endpointTwin(JSON.parse(endpoint('e7', 'silent'))))).toBe(
    endpoint('e7', 'silent'),
  );
  expect(await restored.get(keys.putBack('me'))).toBeDefined();
  await recorder.stop();
});

test('the word that a host gave at an earlier restore, which a backup has again, says nothing at the next one', async () => {
  const recorder = new WatchRecorder(store, keys.endpointsOf(NET));
  const older = (await cluster.list('')).entries;
  await write(cluster, endpointKey('e6'), endpoint('e6', 'silent'));
  await recorder.until(({ state }) => state.size === 1);
  const first = await restoreFrom(older);
  await write(first, keys.putBack('silent'), 'at the first');
  await eventually(async () => expect(await first.get(keys.putBack('me'))).toBeDefined());
  await eventually(() => expect(store.away).toBe(false));
  const backup = (await first.list('')).entries;
  await write(first, endpointKey('e7'), endpoint('e7', 'silent'));
  await recorder.until(({ state }) => state.has(endpointKey('e7')));
  const second = await restoreFrom(backup);
  await eventually(async () => expect(await second.get(endpointKey('e7'))).toBeDefined());
  await recorder.stop();
});

test('what was removed before the daemon ended is removed again from a store that is restored after it', async () => {
  const backup = (await cluster.list('')).entries;
  await store.commit([], [{ remove: keys.network(NET) }]);
  for (let count = 0; count < 5; count += 1) await write(store, endpointKey('e1'), endpoint('e1'));
  await restart();
  store = await open();
  const restored = await restoreFrom(backup);
  // Listed first of all, as a daemon does that starts: the answer counts as little as any other then.
  const { entries } = await store.list(keys.networks());
  expect(entries).toEqual([]);
  await eventually(async () => expect(await restored.get(keys.network(NET))).toBeUndefined());
  await eventually(async () => expect(await valueAt(restored, endpointKey('e1'))).toBe(endpoint('e1')));
});

test.each<StoreMode>(['forgets to answer writes', 'forgets to answer', 'hangs', 'refuses'])(
  'a store that was merely away (it %s) is not taken for restored',
  async (mode) => {
    await using recorder = new WatchRecorder(store, keys.networks());
    await recorder.until(({ state }) => state.size === 1);
    await write(store, endpointKey('e1'), endpoint('e1'));
    etcd.mode = mode;
    const removal = store.commit([], [{ remove: endpointKey('e1') }]);
    // What others do after it is heard of, or not.
    await pause(TIMING.patienceMs / 2);
    await write(cluster, keys.network('bbbbbbbbbbbb'), '{"another":"network"}');
    await removal;
    await backAgain();
    // The watch begins anew, as after a connection that was lost: not only with what it was about to tell.
    for (let times = 0; times < 3; times += 1) {
      const { snapshots } = recorder;
      for (const next of ['refuses', 'answers'] as const) etcd.mode = next;
      await recorder.until((now) => now.snapshots > snapshots);
    }
    await store.list(keys.networks());
    expect(await cluster.get(endpointKey('e1'))).toBeUndefined();
    expect(warnings).not.toContain(RESTORED);
  },
);
