/** What this host does about its records when the store was restored from an older backup: pure. */
import type { Ownership } from './own-keys.js';
import type { OwnWrite } from './own-writes.js';
import type { Entry, Revision } from './store.js';

/**
 * Records that were there (`known`) and are not in the restored store (`restored`) are put back; this host's own are
 * written as they were, and those that it has removed since the backup are removed again. `base` and `revision` of the
 * writes: as OwnWrite says.
 */
export function planPutBack(
  known: readonly Entry[],
  restored: readonly Entry[],
  { isOwn, isLasting }: Ownership,
  revision: Revision,
): OwnWrite[] {
  const now = new Map(restored.map((entry) => [entry.key, entry]));
  const before = new Set(known.map(({ key }) => key));
  const lost = known.filter(({ key, value }) => {
    const stored = now.get(key);
    return stored ? stored.value !== value && isOwn(key, value, value) : isLasting(key, value);
  });
  const returned = restored.filter(({ key, value }) => !before.has(key) && isOwn(key, value, undefined));
  return [
    ...lost.map(({ key, value }) => ({ key, value, base: now.get(key)?.revision ?? 0, revision })),
    ...returned.map(({ key, revision: base }) => ({ key, base, revision })),
  ];
}
