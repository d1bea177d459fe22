import { XnetError } from '../../errors.js';
import type { Store } from '../../store/store.js';

/** The store is away: addresses come from this host's reserve, and go to it. */
export function reserveServes(store: Store): boolean {
  return store.away;
}

/** `what` cannot be done before the store answers again. */
export function awayError(store: Store, what: string): XnetError {
  return new XnetError('STORE_UNAVAILABLE', `${what} while the store (${store.description}) does not answer`);
}
