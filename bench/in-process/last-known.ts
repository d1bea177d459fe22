/**
 * What it costs to keep what is last known of the store on disk: time on the event loop per write, against writing it whole with
 * one JSON.stringify (as xnet did up to decision 22). README.md says how to run it.
 */
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { KnownJournal } from '../../src/store/known/disk/known-journal.js';
import { LastKnown } from '../../src/store/known/last-known.js';
import type { Entry } from '../../src/store/store.js';

const ROUNDS = 20;

function entryOf(n: number, revision: number): Entry {
  const id = n.toString(16).padStart(64, '0');
  const network = (n % 1000).toString(16).padStart(12, '0');
  const record = {
    version: 1,
    id,
    networkId: network,
    dockerNetworkId: 'd'.repeat(64),
    hostId: 'h'.repeat(36),
  };
  const addresses = [`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`];
  const value = JSON.stringify({ ...record, addresses, mac: '02:00:00:00:00:01', names: [`name-${n}`] });
  return { key: `endpoints/${network}/${id}`, value, revision, createRevision: n + 1 };
}

interface Cost {
  /** Per round: time in which the event loop did this work. */
  readonly loopMs: number;
  readonly longestMs: number;
}

async function measure(rounds: number, work: (round: number) => Promise<unknown>): Promise<Cost> {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  const before = performance.eventLoopUtilization();
  for (let round = 0; round < rounds; round += 1) await work(round);
  const { active } = performance.eventLoopUtilization(before);
  delays.disable();
  return { loopMs: active / rounds, longestMs: delays.max / 1e6 };
}

async function compare(size: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-bench-'));
  const path = join(directory, 'last-known.jsonl');
  const { journal } = await KnownJournal.open(path, 'etcd');
  const known = new LastKnown();
  const { facts } = known;
  const write = async () => {
    await facts.writeChanges((changes) => journal.write(changes, () => facts.content));
    await journal.shorten(facts.size, () => facts.content);
  };
  const entries = Array.from({ length: size }, (_, n) => entryOf(n, n + 1));
  known.learnWatched('endpoints/', { revision: size, entries });
  const all = await measure(1, write);
  let revision = size;
  const change = async (count: number) => {
    const batches = Array.from({ length: ROUNDS }, () => {
      revision += 1;
      return Array.from({ length: count }, (_, n) => entryOf((n * 37 + revision) % size, revision));
    });
    return measure(ROUNDS, (round) => {
      const changes =
        batches[round]?.map((entry) => ({ key: entry.key, revision: entry.revision, entry })) ?? [];
      known.learnChanges('endpoints/', changes, changes[0]?.revision ?? 0);
      return write();
    });
  };
  const one = await change(1);
  const thousand = await change(1000);
  const text = () => JSON.stringify({ version: 1, entries: known.list('') });
  const whole = await measure(ROUNDS, () => writeFile(join(directory, 'whole'), text(), { flush: true }));
  await journal.close();
  const { size: bytes } = await stat(path);
  const opening = await measure(
    1,
    async () => new LastKnown(undefined, (await KnownJournal.open(path, 'etcd')).content),
  );
  await rm(directory, { recursive: true });
  const figures = {
    'one change': one,
    '1,000 changes': thousand,
    'all, at first': all,
    opening,
    'whole, as before': whole,
  };
  console.log(`${size} records, ${(bytes / 1e6).toFixed(1)} MB on disk`);
  for (const [name, { loopMs, longestMs }] of Object.entries(figures)) {
    const ratio = (loopMs / whole.loopMs).toFixed(3);
    console.log(
      `  ${name}: ${loopMs.toFixed(1)} ms of the loop, ${longestMs.toFixed(0)} ms the longest turn; ${ratio} of whole`,
    );
  }
}

for (const size of [1_000, 10_000, 60_000]) await compare(size);
