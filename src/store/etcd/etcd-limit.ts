/**
 * The time limit of a call. grpc-js has deadlines, too, but counts by the wall clock, and gives up before it reads what has come:
 * after a moment in which this process did not run, an answer that is there would be taken for none (docs/decisions/0018-time-limits.md).
 */
import type { KVClient } from 'etcd3';
import { sleepRunning } from '../../concurrency/deadline.js';
import { NO_ANSWER, NOT_SENT } from './etcd-failure.js';

export type CallOptions = NonNullable<Parameters<KVClient['range']>[1]>;
export type Interceptor = NonNullable<CallOptions['interceptors']>[number];
type GrpcCall = ReturnType<Interceptor>;

/** DEADLINE_EXCEEDED of gRPC. */
const LATE = 4;

/** Ends the calls with its interceptor when this process has run for `timeoutMs`, unless it is disposed of before. */
export class CallLimit implements Disposable {
  readonly #calls: GrpcCall[] = [];
  readonly #disposed = new AbortController();

  /** `isSent`: whether a request to which there is no answer may have been carried out. */
  constructor(
    timeoutMs: number,
    private readonly isSent: () => boolean,
  ) {
    void this.#endAfter(timeoutMs);
  }

  readonly interceptor: Interceptor = (...[options, nextCall]: Parameters<Interceptor>) => {
    const call = nextCall(options) as GrpcCall;
    this.#calls.push(call);
    return call;
  };

  [Symbol.dispose](): void {
    this.#disposed.abort('disposed');
  }

  async #endAfter(timeoutMs: number): Promise<void> {
    const { signal } = this.#disposed;
    await sleepRunning(timeoutMs, signal);
    // Once more where a call began only now.
    for (; !signal.aborted; await sleepRunning(timeoutMs, signal))
      for (const call of this.#calls.splice(0))
        call.cancelWithStatus(LATE, this.isSent() ? NO_ANSWER : NOT_SENT);
  }
}
