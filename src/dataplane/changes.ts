/**
 * What work on the kernel is made of. A diff compares what there is, observed or remembered, with what there shall be. Its
 * changes are all that follows from it: the lines that are carried out, the repairs that are logged, the counts. Pure.
 */
import type { Repair } from './dataplane.js';

/** Lines for iproute2. The steps are done in this order; entries may be done side by side. */
export interface Steps {
  /** Of `ip`, in the network's namespace: makes room. */
  readonly clear?: readonly string[];
  /** Of `ip`, in the host's namespace. */
  readonly host?: readonly string[];
  /** Of `ip`, in the network's namespace. */
  readonly ip?: readonly string[];
  /** Of `bridge`, in the network's namespace. */
  readonly bridge?: readonly string[];
}

/** One object that is not as it shall be, and what puts it right, and what hangs on it, with it. */
export interface Change extends Repair, Steps {}

/** What is extra goes last: what takes its place is there before. */
export function linesOf(changes: readonly Change[], step: keyof Steps): string[] {
  const ordered = [...changes.filter((each) => !isExtra(each)), ...changes.filter(isExtra)];
  return ordered.flatMap((change) => change[step] ?? []);
}

export function repairsOf(changes: readonly Repair[]): Repair[] {
  return changes.map(({ kind, object, was }) => ({ kind, object, was }));
}

export function isExtra({ was }: Pick<Repair, 'was'>): boolean {
  return was === 'extra';
}

/** How the value of a key differs: which of both are there follows from `was`. */
export interface Difference<Value> {
  readonly key: string;
  readonly was: Repair['was'];
  readonly observed: Value | undefined;
  readonly desired: Value | undefined;
}

export function compareMaps<Value>(
  observed: ReadonlyMap<string, Value>,
  desired: ReadonlyMap<string, Value>,
  isSame: (a: Value, b: Value) => boolean = Object.is,
): Difference<Value>[] {
  const differences: Difference<Value>[] = [];
  for (const [key, value] of desired) {
    const actual = observed.get(key);
    if (actual === undefined) differences.push({ key, was: 'missing', observed: actual, desired: value });
    else if (!isSame(actual, value))
      differences.push({ key, was: 'altered', observed: actual, desired: value });
  }
  for (const [key, value] of observed) {
    if (!desired.has(key)) differences.push({ key, was: 'extra', observed: value, desired: undefined });
  }
  return differences;
}
