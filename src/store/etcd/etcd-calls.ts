/**
 * Which endpoint is asked, and what may be asked twice.
 *
 * One endpoint is preferred until it fails, beginning with the first of the list; then the next one is. Within the budget of
 * a call, two things are repeated: a request that may be carried out twice, and a commit that certainly was not carried out.
 * A commit that may have been carried out ends as STORE_UNAVAILABLE at once: only its caller can find out, by reading.
 */
import type { Etcd3 } from 'etcd3';
import { RunningClock, sleep } from '../../concurrency/deadline.js';
import { XnetError } from '../../errors.js';
import { type CallOptions, EtcdEndpoint } from './etcd-endpoint.js';
import { describeFailure, type EtcdFailure, finalError, unavailableError } from './etcd-failure.js';
import { DEFAULT_TIMEOUTS, type EtcdOptions, type EtcdTimeouts } from './etcd-options.js';

type Call<T> = (client: Etcd3, options: CallOptions) => Promise<T>;

export class EtcdCalls {
  readonly timeouts: EtcdTimeouts;
  readonly endpoints: readonly EtcdEndpoint[];
  readonly #user: string | undefined;
  #preferred = 0;
  #closed = false;
  /** Called when no endpoint has answered a request that could be repeated, whoever made it. */
  onUnanswered: (error: XnetError) => void = () => undefined;
  #reconnected = new AbortController();

  constructor(options: EtcdOptions) {
    this.timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    this.endpoints = options.endpoints.map((url) => new EtcdEndpoint(url, options));
    this.#user = options.credentials?.user;
  }

  /** A request whose repetition does no harm. */
  repeatable<T>(call: Call<T>): Promise<T> {
    return this.#run(call, this.timeouts.tryMs, () => true);
  }

  /** A request that must not be carried out twice. */
  once<T>(call: Call<T>): Promise<T> {
    return this.#run(call, this.timeouts.commitMs, ({ notApplied }) => notApplied);
  }

  /** The endpoint that a stream should use now. */
  preferred(): EtcdEndpoint {
    const endpoint = this.endpoints[this.#preferred];
    if (!endpoint || this.#closed) throw new XnetError('STOPPING', 'the store is closed');
    return endpoint;
  }

  /** To be called when `endpoint` failed: the next call or stream asks another one. */
  noteFailure(endpoint: EtcdEndpoint, kind: EtcdFailure['kind']): void {
    if (kind === 'stale-token') endpoint.forgetToken();
    if (kind === 'unavailable' && this.endpoints[this.#preferred] === endpoint) {
      this.#preferred = (this.#preferred + 1) % this.endpoints.length;
    }
  }

  /** Aborts when the present connections are given up. */
  get reconnected(): AbortSignal {
    return this.#reconnected.signal;
  }

  /** New calls get new connections, and watches begin anew. Calls under way end by their deadlines. */
  reconnect(): void {
    for (const { calls, streams } of this.endpoints) for (const each of [calls, streams]) each.renew();
    this.#reconnected.abort();
    this.#reconnected = new AbortController();
  }

  close(): void {
    this.#closed = true;
    for (const endpoint of this.endpoints) endpoint.close();
  }

  async #run<T>(call: Call<T>, tryMs: number, mayRepeat: (failure: EtcdFailure) => boolean): Promise<T> {
    using clock = new RunningClock();
    const { budgetMs } = this.timeouts;
    const reasons = new Map<string, string>();
    for (let tries = 1; ; tries += 1) {
      const endpoint = this.preferred();
      const timeoutMs = Math.min(tryMs, Math.max(1, budgetMs - clock.ms));
      try {
        return await endpoint.call(clock, timeoutMs, call);
      } catch (error: unknown) {
        const failure = describeFailure(error);
        this.noteFailure(endpoint, failure.kind);
        if (failure.hung) endpoint.calls.renew();
        if (isFinal(failure, tries)) throw finalError(failure, endpoint.url, this.#user, error);
        // A timeout of the last, shortened try does not replace an earlier reason.
        const isCutShort = failure.hung && timeoutMs < tryMs;
        if (!isCutShort || !reasons.has(endpoint.url)) reasons.set(endpoint.url, failure.reason);
        const pause = pauseMs(tries, this.endpoints.length);
        if (!mayRepeat(failure) || clock.ms + pause >= budgetMs) {
          const unanswered = unavailableError(reasons, error, failure.notApplied);
          if (mayRepeat(failure)) this.onUnanswered(unanswered);
          throw unanswered;
        }
        await sleep(pause);
      }
    }
  }
}

/** A refused token is worth a new login, but not many. */
function isFinal({ kind }: EtcdFailure, tries: number): boolean {
  return kind === 'stale-token' ? tries > 3 : kind !== 'unavailable';
}

/** None until every endpoint has been asked once, then 50 ms to 400 ms. */
function pauseMs(tries: number, endpoints: number): number {
  const rounds = Math.floor(tries / endpoints);
  return rounds === 0 ? 0 : (0.5 + Math.random() / 2) * Math.min(400, 50 * 2 ** rounds);
}
