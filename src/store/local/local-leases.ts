/**
 * The leases of a store on one host: the keys of each, and when it ends.
 *
 * A lease that is kept alive does not end while the process runs; one of an earlier process ends `ttlSeconds` after the store
 * was opened again. A lease that is not kept alive ends at its time on the wall clock, also across a restart; but never later
 * than `ttlSeconds` after the opening, even if the clock was set back.
 */
import type { StoredLease } from './local-table.js';

interface Held {
  readonly keys: Set<string>;
  readonly ended: () => void;
  readonly timer: NodeJS.Timeout | undefined;
}

export class LocalLeases {
  readonly #held = new Map<string, Held>();

  /** `expire` is called once for a lease whose time is over. */
  constructor(private readonly expire: (id: string) => void) {}

  /** Keeps the lease until `forget`; the promise resolves then. `ttlSeconds`: at most 24 days, the limit of a timer. */
  follow(lease: StoredLease): Promise<void> {
    return new Promise((resolve) => {
      const { id, expiresAt } = lease;
      const expire = () => this.expire(id);
      const timer =
        expiresAt === undefined ? undefined : setTimeout(expire, remainingMs(lease, Date.now())).unref();
      this.#held.set(id, { keys: new Set(), ended: resolve, timer });
    });
  }

  noteKey(id: string, key: string): void {
    this.#held.get(id)?.keys.add(key);
  }

  /** Every key under the lease, and perhaps keys that are not under it any more. */
  keysOf(id: string): Iterable<string> {
    return this.#held.get(id)?.keys ?? [];
  }

  forget(id: string): void {
    const held = this.#held.get(id);
    this.#held.delete(id);
    clearTimeout(held?.timer);
    held?.ended();
  }

  /** Stops the clocks; the leases stay as they are. */
  close(): void {
    for (const held of this.#held.values()) clearTimeout(held.timer);
  }
}

function remainingMs({ expiresAt, ttlSeconds }: StoredLease, now: number): number {
  const ttlMs = ttlSeconds * 1000;
  return Math.max(0, Math.min((expiresAt ?? now + ttlMs) - now, ttlMs));
}
