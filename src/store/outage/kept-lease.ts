import type { Lease, Store } from '../store.js';

/**
 * A lease that nobody renews, promised while the store did not answer: it is granted when a write under it reaches
 * the store, and its time runs from then.
 */
export class KeptLease implements Lease {
  readonly id = `kept-${crypto.randomUUID()}`;
  readonly lost = new Promise<void>(() => undefined);
  #granted: Promise<Lease> | undefined;

  constructor(readonly ttlSeconds: number) {}

  /** Throws the store's errors, and then asks again the next time. */
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
