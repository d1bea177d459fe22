/** The stream on which a lease is renewed, a message each way for each renewal. To open one costs more than the messages. */
import { castGrpcError, type Etcd3, GRPCDeadlineExceededError } from 'etcd3';
import { sleepRunning } from '../../concurrency/deadline.js';
import { NO_ANSWER } from './etcd-failure.js';
import type { CallOptions } from './etcd-limit.js';

type Stream = Awaited<ReturnType<Etcd3['leaseClient']['leaseKeepAlive']>>;

export class RenewalStream {
  #answer: { resolve(ttl: number): void; reject(error: unknown): void } | undefined;
  #failure: unknown;

  private constructor(
    readonly client: Etcd3,
    private readonly stream: Stream,
  ) {
    stream.on('data', ({ TTL }) => this.#answer?.resolve(Number(TTL)));
    stream.on('error', (error) => this.#fail(castGrpcError(error)));
    stream.on('end', () => this.#fail(new Error('etcd ended the stream')));
  }

  /** On a connection of `client`. The time limit in `options` is that of the first renewal, and has no effect after that. */
  static async open(client: Etcd3, options: CallOptions): Promise<RenewalStream> {
    return new RenewalStream(client, await client.leaseClient.leaseKeepAlive(options));
  }

  /**
   * The time to live that etcd granted, in seconds; 0 when the lease is gone. One at a time. Rejects with etcd's reason, and with
   * GRPCDeadlineExceededError when this process has run for `timeoutMs` without an answer; after that only `close` is left.
   */
  async renew(id: string, timeoutMs: number): Promise<number> {
    if (this.#failure !== undefined) throw this.#failure;
    const answered = new AbortController();
    void sleepRunning(timeoutMs, answered.signal).then(() => {
      if (!answered.signal.aborted) this.#fail(new GRPCDeadlineExceededError(NO_ANSWER));
    });
    try {
      return await new Promise((resolve, reject) => {
        this.#answer = { resolve, reject };
        this.stream.write({ ID: id });
      });
    } finally {
      answered.abort('answered');
      this.#answer = undefined;
    }
  }

  /** Ended first, because etcd3 takes the cancelling of an open stream for a failure. */
  close(): void {
    this.stream.end();
    this.stream.cancel();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#answer?.reject(error);
  }
}
