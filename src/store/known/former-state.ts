import { keys } from '../../model/keys.js';
import type { LastKnown } from './last-known.js';

/**
 * For what an xnet without twins (src/model/by-host.ts) has left in the state directory: it knows this host's bindings, and
 * there are no twins. With that known, they can be written while the store is away (agent/local/complete-twins.ts).
 */
export function noteNoTwins(known: LastKnown, hostId: string): void {
  const prefix = keys.ofHost(hostId);
  if (!known.covers(prefix) && known.covers(keys.bindings()))
    known.learnWatched(prefix, { revision: 0, entries: [] });
}
