import { XnetError } from '../errors.js';
import type { Store } from '../store/store.js';

/** True while the store is away: addresses come from this host's reserve, and released ones join it. */
export function usesReserve(store: Store): boolean {
  return store.away;
}

/** STORE_UNAVAILABLE: `what`, until the store answers again. */
export function awayError(store: Store, what: string): XnetError {
  return new XnetError('STORE_UNAVAILABLE', `${what} while the store (${store.description}) does not answer`);
}
