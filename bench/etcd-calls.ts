/** How often etcd is asked, from its own counters. */

import { type Figure, show, state } from './figures.js';
import { median } from './statistics.js';
import type { World } from './world.js';

/** Calls by kind (Txn, Range, Put ..). Watches and the keeping alive of leases are streams, opened once: not counted. */
export type EtcdCalls = Readonly<Record<string, number>>;

/** One start's. */
export interface StartCalls {
  /** Until a moment after its names were published. */
  readonly etcd: EtcdCalls;
  /** Of those, transactions that published its names: nobody waits for them. */
  readonly nameWrites: number;
}

const COUNTER = /^grpc_server_started_total\{grpc_method="(\w+)",[^}]*grpc_type="unary"\} (\S+)$/gm;

/** Since etcd was started. */
export async function readEtcdCalls({ h1, etcd }: World): Promise<EtcdCalls> {
  const metrics = await h1.run('curl', '-sf', `http://${etcd.address}:2379/metrics`);
  return Object.fromEntries([...metrics.matchAll(COUNTER)].map(([, kind, count]) => [kind, Number(count)]));
}

export function subtractCalls(later: EtcdCalls, earlier: EtcdCalls): EtcdCalls {
  return Object.fromEntries(
    Object.entries(later).map(([kind, count]) => [kind, count - (earlier[kind] ?? 0)]),
  );
}

/**
 * The median of each kind of call: what the hosts ask of etcd now and then for other reasons falls out. All but the
 * transactions that publish names are taken for calls that the start waits for.
 */
export function etcdFigures(starts: readonly StartCalls[]): Figure[] {
  const onPath = starts.map(({ etcd, nameWrites }) => ({ ...etcd, Txn: (etcd.Txn ?? 0) - nameWrites }));
  const kinds = [...new Set(onPath.flatMap((calls) => Object.keys(calls)))];
  const counts = kinds.map((kind) => ({ kind, counts: onPath.map((calls: EtcdCalls) => calls[kind] ?? 0) }));
  const seen = counts.filter((kind) => kind.counts.some((count) => count > 0));
  const means = seen.map((kind) => `${kind.kind} ${show(mean(kind.counts))}`);
  const nameWrites = starts.map((start) => start.nameWrites);
  return [
    state({
      what: 'calls to etcd while one container starts, on the path',
      unit: '',
      value: seen.reduce((sum, kind) => sum + median(kind.counts), 0),
      goal: { atMost: 2 },
      note: `of all hosts, medians by kind; the means: ${means.join(', ')}`,
    }),
    state({
      what: 'transactions that publish its names, off the path: median',
      unit: '',
      value: median(nameWrites),
      goal: { atMost: 1 },
      note: `the mean: ${show(mean(nameWrites))}`,
    }),
  ];
}

function mean(samples: readonly number[]): number {
  return samples.reduce((a, b) => a + b, 0) / samples.length;
}
