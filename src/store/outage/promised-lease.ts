import type { Lease, Store } from '../store.js';

/**
 * A lease that is promised while the store is away, and never renewed. It is granted when the first write under it is
 * committed to the store; its time runs from then.
 */
export class PromisedLease implements Lease {
  readonly id = `promised-${crypto.randomUUID()}`;
  readonly lost = new Promise<void>(() => undefined);
  #granted: Promise<Lease> | undefined;

  constructor(readonly ttlSeconds: number) {}

  /** Grants it once. Throws the store's errors; the next call then tries again. */
  grantedBy(store: Store): Promise<Lease> {
    this.#granted ??= store.grantLease({ ttlSeconds: this.ttlSeconds, keepAlive: false });
    this.#granted.catch(() => {
      this.#granted = undefined;
    });
    return this.#granted;
  }

  async revoke(): Promise<void> {
    await (await this.#granted)?.revoke();
  }
}
