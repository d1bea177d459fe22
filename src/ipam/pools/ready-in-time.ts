import { withDeadline } from '../../concurrency/deadline.js';
import { isXnetError, XnetError } from '../../errors.js';
import type { View } from '../../replica/view.js';
import type { Store } from '../../store/store.js';

const FIRST_SNAPSHOT_MS = 4_500;

/** Resolves once the view is ready. `what` it has, for the error. Throws STORE_UNAVAILABLE when that takes too long. */
export async function readyInTime(
  view: Pick<View<unknown>, 'ready'>,
  what: string,
  store: Pick<Store, 'description'>,
): Promise<void> {
  try {
    await withDeadline(view.ready, FIRST_SNAPSHOT_MS, `reading ${what}`);
  } catch (error: unknown) {
    if (!isXnetError(error, 'TIMEOUT')) throw error;
    throw new XnetError(
      'STORE_UNAVAILABLE',
      `the store (${store.description}) did not answer for ${what} in time`,
    );
  }
}
