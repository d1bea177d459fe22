/**
 * The time limit of a call. grpc-js has deadlines, too, but counts by the wall clock, and gives up before it reads what has come:
 * after a moment in which this process did not run, an answer that is there would be taken for none (docs/decisions/0018-time-limits.md).
 */
import type { KVClient } from 'etcd3';
import type { RunningClock } from '../../concurrency/deadline.js';
import { NO_ANSWER, NOT_SENT } from './etcd-failure.js';

export type CallOptions = NonNullable<Parameters<KVClient['range']>[1]>;
export type Interceptor = NonNullable<CallOptions['interceptors']>[number];
type GrpcCall = ReturnType<Interceptor>;

/** DEADLINE_EXCEEDED of gRPC. */
const LATE = 4;

/** Ends the calls with its interceptor when `clock` has gone on by `timeoutMs`, unless it is disposed of before. */
export class CallLimit implements Disposable {
  readonly #calls: GrpcCall[] = [];
  readonly #untilMs: number;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #isOver = false;

  /** `isSent`: whether a request to which there is no answer may have been carried out. */
  constructor(
    private readonly clock: RunningClock,
    timeoutMs: number,
    private readonly isSent: () => boolean,
  ) {
    this.#untilMs = clock.ms + timeoutMs;
    this.#look();
  }

  readonly interceptor: Interceptor = (...[options, nextCall]: Parameters<Interceptor>) => {
    const call = nextCall(options) as GrpcCall;
    this.#calls.push(call);
    // grpc-js starts it in this turn.
    if (this.#isOver) queueMicrotask(() => this.#end());
    return call;
  };

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  #look(): void {
    const leftMs = this.#untilMs - this.clock.ms;
    if (leftMs > 0) this.#timer = setTimeout(() => this.#look(), leftMs);
    // What has come is read before that.
    else this.#immediate = setImmediate(() => this.#end());
  }

  #end(): void {
    this.#isOver = true;
    for (const call of this.#calls.splice(0))
      call.cancelWithStatus(LATE, this.isSent() ? NO_ANSWER : NOT_SENT);
  }
}
