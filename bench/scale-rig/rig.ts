/** What all measuring of a run works with. */
import type { RigEtcd } from './cluster/etcd.js';
import type { ClusterPlan } from './cluster/plan.js';
import type { SignsOfLife } from './cluster/signs-of-life.js';
import type { Place } from './host/measured-host.js';

export interface Pace {
  /** Of each window in which processor time is summed. */
  readonly windowMs: number;
  /** Of the one while nothing changes: some multiple of the longest time between two periodic looks. */
  readonly idleMs: number;
  /** Until what a start set in motion has ended. */
  readonly settleMs: number;
  /** Endpoints whose way into kernel and DNS is timed. */
  readonly timed: number;
  /** Changes a second in foreign networks. */
  readonly foreignPerSecond: number;
}

export interface Rig {
  readonly etcd: RigEtcd;
  readonly plan: ClusterPlan;
  readonly signs: SignsOfLife;
  readonly place: Place;
  readonly pace: Pace;
  readonly say: (text: string) => void;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
