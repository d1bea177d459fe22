/** Changes of elements of which some may have run out, or been deleted by others, in the meantime. */
import { isXnetError } from '../../errors.js';
import type { ElementChange } from '../../native/netfilter/set-elements.js';
import { type EgressElement, netlinkElement } from './egress-elements.js';
import type { EgressTables, TimedElement } from './egress-tables.js';

type Changed = Pick<EgressTables, 'change'>;

/** Absent is success. Throws KERNEL. */
export function deleteElements(tables: Changed, elements: readonly EgressElement[]): void {
  if (elements.length === 0) return;
  const changes = elements.map(deletion);
  if (isDone(tables, changes)) return;
  for (const change of changes) isDone(tables, [change]);
}

/** In one transaction, if all of `gone` is there: a range that lies across one of these is refused while that is there. Throws KERNEL. */
export function replaceElements(
  tables: Changed,
  gone: readonly EgressElement[],
  added: readonly TimedElement[],
): void {
  const additions = added.map(
    ({ element, leftMs }): ElementChange => ({ verb: 'add', element: netlinkElement(element, leftMs) }),
  );
  if (gone.length > 0) {
    if (isDone(tables, [...gone.map(deletion), ...additions])) return;
    deleteElements(tables, gone);
  }
  tables.change(additions);
}

function deletion(element: EgressElement): ElementChange {
  return { verb: 'delete', element: netlinkElement(element) };
}

/** False: something that was to be deleted is not there, and nothing was done. */
function isDone(tables: Changed, changes: readonly ElementChange[]): boolean {
  try {
    tables.change(changes);
    return true;
  } catch (error: unknown) {
    if (isXnetError(error, 'KERNEL') && error.fields.errno === 'ENOENT') return false;
    throw error;
  }
}
