import { XnetError } from '../../../src/errors.js';
import type {
  Condition,
  LeaseOptions,
  ListOptions,
  Revision,
  Store,
  WatchBatch,
  Write,
} from '../../../src/store/store.js';

/**
 * What a store does with a call: `refuses` says at once that it cannot, `hangs` never answers and does nothing,
 * `forgets to answer` does it and never answers, `takes no writes` reads as ever, `forgets to answer writes` does too.
 */
export type StoreMode =
  | 'answers'
  | 'refuses'
  | 'hangs'
  | 'forgets to answer'
  | 'takes no writes'
  | 'forgets to answer writes';

const READS = ['answers', 'takes no writes', 'forgets to answer writes'];

/** A store that can be made to fail as etcd does. A watch tells nothing new meanwhile, and begins anew after it. */
export class FailingStore implements Store {
  readonly away = false;
  readonly description: string;
  #mode: StoreMode = 'answers';
  #changed = new AbortController();

  constructor(private inner: Store) {
    this.description = inner.description;
  }

  set mode(mode: StoreMode) {
    this.#mode = mode;
    this.#changed.abort();
    this.#changed = new AbortController();
  }

  /** Another takes its place, as after a restore. */
  replace(inner: Store): void {
    this.inner = inner;
    this.mode = this.#mode;
  }

  get(key: string) {
    return this.#call(() => this.inner.get(key), true);
  }

  list(prefix: string, options?: ListOptions) {
    return this.#call(() => this.inner.list(prefix, options), true);
  }

  count(prefix: string) {
    return this.#call(() => this.inner.count(prefix), true);
  }

  past(prefix: string, revision: Revision) {
    return this.#call(async () => (await this.inner.past?.(prefix, revision)) ?? 'forgotten', true);
  }

  commit(conditions: readonly Condition[], writes: readonly Write[]) {
    return this.#call(() => this.inner.commit(conditions, writes), false);
  }

  grantLease(options: LeaseOptions) {
    return this.#call(() => this.inner.grantLease(options), false);
  }

  async *watch(prefix: string, signal: AbortSignal, options?: ListOptions): AsyncGenerator<WatchBatch> {
    while (!signal.aborted) {
      const until = AbortSignal.any([signal, this.#changed.signal]);
      if (READS.includes(this.#mode)) yield* this.inner.watch(prefix, until, options);
      else await new Promise((resolve) => until.addEventListener('abort', resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.mode = 'refuses';
    await this.inner[Symbol.asyncDispose]();
  }

  async #call<T>(call: () => Promise<T>, isRead: boolean): Promise<T> {
    if (this.#mode === 'answers' || (READS.includes(this.#mode) && isRead)) return call();
    if (this.#mode === 'refuses' || this.#mode === 'takes no writes') throw unavailable('it is switched off');
    if (this.#mode.startsWith('forgets to answer')) await call();
    const { signal } = this.#changed;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    throw unavailable('no answer in time');
  }
}

const unavailable = (reason: string) => new XnetError('STORE_UNAVAILABLE', reason);
