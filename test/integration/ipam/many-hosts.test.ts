/**
 * Eight hosts as processes claim and release addresses of one pool through one real etcd. What they held is
 * checked from outside: by their own times, and by etcd's history of the keys.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type AddressRecord, addressRecord } from '../../../src/model/address.js';
import { parseRecord } from '../../../src/model/record.js';
import { openStore } from '../../../src/store/open-store.js';
import type { Change, Store } from '../../../src/store/store.js';
import { type CompiledSources, compileSources } from '../../support/programs/compiled-sources.js';
import { type EtcdCluster, startEtcd } from '../../support/store/etcd.js';
import { TcpProxy } from '../../support/store/tcp-proxy.js';
import { WatchRecorder } from '../../support/store/watch-recorder.js';
import { ClaimWorkers, findOverlaps, summarise, type WorkerSettings } from './claim-workers.js';

const TIMEOUTS = { budgetMs: 1500, tryMs: 400, commitMs: 600, watchCheckMs: 500 };

let etcd: EtcdCluster;
let sources: CompiledSources;
let store: Store;

beforeAll(async () => {
  [etcd, sources] = await Promise.all([
    startEtcd(),
    compileSources(['concurrency', 'inet', 'ipam', 'model', 'replica', 'store']),
  ]);
  store = await openStore({ url: etcd.url, stateDirectory: '' });
});

afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
  await etcd?.[Symbol.asyncDispose]();
  await sources?.[Symbol.asyncDispose]();
});

interface Load {
  readonly processes: number;
  readonly claims: number;
  readonly subnet: string;
  /** All processes together. */
  readonly heldAtMost: number;
  /** How long a call goes on while the store does not answer. */
  readonly budgetMs?: number;
}

function settingsFor(load: Load, host: number, port: number): WorkerSettings {
  return {
    ...{ sources: sources.directory, url: `etcd://127.0.0.1:${port}`, host: `h${host}`, subnet: load.subnet },
    ...{ claims: load.claims / load.processes, holdsAtMost: load.heldAtMost / load.processes },
    ...{ budgetMs: load.budgetMs ?? 10_000, timeouts: TIMEOUTS },
  };
}

/** Runs the workers with a proxy for each, and `disturb` beside them. Returns etcd's history of the addresses. */
async function runHosts(load: Load, disturb: (proxies: TcpProxy[], signal: AbortSignal) => Promise<void>) {
  const port = etcd.member(0).clientPort;
  const proxies = await Promise.all(Array.from({ length: load.processes }, () => TcpProxy.open(port)));
  const settings = proxies.map((proxy, host) => settingsFor(load, host, proxy.port));
  await using workers = new ClaimWorkers(settings);
  await using history = new WatchRecorder(store, 'addresses/');
  await history.until(({ snapshots }) => snapshots === 1);
  const done = new AbortController();
  const disturbing = disturb(proxies, done.signal);
  try {
    await workers.run();
  } finally {
    done.abort();
    await disturbing;
    await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
  }
  await history.until(({ state }) => state.size === 0);
  await history.stop();
  // A second snapshot would mean that the recorder missed something.
  expect(history.snapshots).toBe(1);
  const changes = history.batches.flatMap((batch) => (batch.type === 'changes' ? batch.changes : []));
  return { workers, changes };
}

/** Once or twice in a blink one host's connection is reset, or its replies are held for longer than it waits. */
async function cutAtRandom(proxies: TcpProxy[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 60));
    const proxy = proxies[Math.floor(Math.random() * proxies.length)]!;
    if (Math.random() < 0.9) proxy.cut();
    else {
      proxy.pauseReplies();
      setTimeout(
        () => {
          proxy.resume();
          proxy.cut();
        },
        300 + Math.random() * 900,
      );
    }
  }
}

/** Claims that were written over another's claim, as etcd saw them. */
function findTheft(changes: readonly Change[]): string[] {
  const holders = new Map<string, AddressRecord>();
  return changes.flatMap(({ key, entry }) => {
    if (!entry) {
      holders.delete(key);
      return [];
    }
    const record = parseRecord(addressRecord, entry);
    const before = holders.get(key);
    holders.set(key, record);
    const isTheft = before?.state === 'claimed' && record.claim !== before.claim;
    return isTheft ? [`${key}: ${before.hostName} -> ${record.hostName}`] : [];
  });
}

describe('hosts with one pool in etcd', () => {
  test('never hold an address twice and leave nothing behind, though their connections are cut', async () => {
    const load = { processes: 8, claims: 5000, subnet: '10.77.0.0/24', heldAtMost: 160, budgetMs: 300 };
    const { workers, changes } = await runHosts(load, cutAtRandom);
    console.info('eight hosts in a tight pool, connections cut', summarise(workers.figures));
    // Some calls gave up, and left it to the IPAM to give back what they may have taken.
    expect(summarise(workers.figures).failures).toBeGreaterThan(0);
    expect(workers.holdings.length).toBeGreaterThanOrEqual(load.claims);
    expect(findOverlaps(workers.holdings)).toEqual([]);
    expect(findTheft(changes)).toEqual([]);
    expect((await store.list('')).entries).toEqual([]);
  }, 240_000);

  test.each([
    { processes: 1, claims: 400, subnet: '10.77.0.0/16', heldAtMost: 160 },
    { processes: 8, claims: 1600, subnet: '10.77.0.0/16', heldAtMost: 160 },
    { processes: 8, claims: 1600, subnet: '10.77.0.0/24', heldAtMost: 160 },
  ])(
    'undisturbed, no call fails: $processes in $subnet',
    async (load) => {
      const { workers, changes } = await runHosts(load, async () => undefined);
      const figures = summarise(workers.figures);
      console.info(`${load.subnet}, undisturbed`, figures);
      expect(findOverlaps(workers.holdings)).toEqual([]);
      expect(findTheft(changes)).toEqual([]);
      expect(figures.failures).toBe(0);
      expect((await store.list('')).entries).toEqual([]);
    },
    60_000,
  );
});
