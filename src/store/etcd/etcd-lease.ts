/** Leases in etcd, kept alive on whichever endpoint answers. */
import type { Etcd3 } from 'etcd3';
import { sleep, untilTick } from '../../concurrency/deadline.js';
import { LinkedAbort } from '../../concurrency/linked-abort.js';
import { isXnetError } from '../../errors.js';
import type { Lease, LeaseOptions } from '../store.js';
import type { EtcdCalls } from './etcd-calls.js';
import type { CallOptions } from './etcd-limit.js';
import { RenewalStream } from './renewal-stream.js';

/** Once `closing` aborts, the lease is not renewed any more: it ends `ttlSeconds` after its last renewal. */
export async function grantEtcdLease(
  calls: EtcdCalls,
  { ttlSeconds, keepAlive = true }: LeaseOptions,
  closing: AbortSignal,
): Promise<Lease> {
  // A lease whose grant is not answered is not renewed, and ends by itself.
  const granted = await calls.repeatable((client, options) =>
    client.leaseClient.leaseGrant({ TTL: ttlSeconds }, options),
  );
  const lease = new EtcdLease(calls, granted.ID, Number(granted.TTL));
  if (keepAlive) void lease.keepAlive(closing);
  return lease;
}

class EtcdLease implements Lease {
  readonly lost: Promise<void>;
  readonly #ended = new AbortController();
  #stream: RenewalStream | undefined;

  constructor(
    private readonly calls: EtcdCalls,
    readonly id: string,
    readonly ttlSeconds: number,
  ) {
    this.lost = new Promise((resolve) => {
      this.#ended.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async revoke(): Promise<void> {
    this.#ended.abort();
    try {
      await this.calls.repeatable((client, options) =>
        client.leaseClient.leaseRevoke({ ID: this.id }, options),
      );
    } catch (error: unknown) {
      if (!isXnetError(error, 'NOT_FOUND')) throw error;
    }
  }

  /** Renews three times per lifetime until the lease ends. That etcd does not answer is no proof that it has ended. */
  async keepAlive(closing: AbortSignal): Promise<void> {
    using linked = new LinkedAbort([closing, this.#ended.signal]);
    const until = linked.signal;
    const intervalMs = (this.ttlSeconds * 1000) / 3;
    await sleep(untilTick(intervalMs), until);
    while (!until.aborted) {
      const startedAt = performance.now();
      const renewed = await this.#renew();
      if (renewed === 'gone') this.#ended.abort();
      const pauseMs = renewed === 'renewed' ? intervalMs - (performance.now() - startedAt) : 200;
      await sleep(Math.max(0, untilTick(pauseMs)), until);
    }
    this.#stream?.close();
  }

  async #renew(): Promise<'renewed' | 'gone' | 'unknown'> {
    try {
      const ttl = await this.calls.repeatable((client, options) => this.#renewOn(client, options));
      return ttl > 0 ? 'renewed' : 'gone';
    } catch (error: unknown) {
      return isXnetError(error, 'NOT_FOUND') ? 'gone' : 'unknown';
    }
  }

  /** On the stream of the last renewal, unless that failed, or was on another connection. */
  async #renewOn(client: Etcd3, options: CallOptions): Promise<number> {
    const kept = this.#stream?.client === client ? this.#stream : undefined;
    if (!kept) this.#stream?.close();
    this.#stream = undefined;
    const stream = kept ?? (await RenewalStream.open(client, options));
    try {
      const ttl = await stream.renew(this.id, this.calls.timeouts.tryMs);
      this.#stream = stream;
      return ttl;
    } catch (error: unknown) {
      stream.close();
      throw error;
    }
  }
}
