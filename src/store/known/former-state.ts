/** What an older xnet has left in the state directory, so that a host can start with it while the store is away. */
import { keys } from '../../model/keys.js';
import type { LastKnown } from './last-known.js';

/**
 * An xnet without twins (src/model/by-host.ts) knows this host's bindings, and there are no twins. With that known, they can be written
 * while the store is away (agent/local/complete-twins.ts). One without policies has kept none, so that none in force is given up by
 * knowing of none; those that the store has are in force when it answers.
 */
export function noteFormerState(known: LastKnown, hostId: string): void {
  const twins = keys.ofHost(hostId);
  if (known.covers(keys.bindings())) noteEmpty(known, twins);
  if (known.covers(twins)) noteEmpty(known, keys.policies());
}

/** Unless it is known what is under the prefix: a watch that waits for the store has its first snapshot by this. */
function noteEmpty(known: LastKnown, prefix: string): void {
  if (!known.covers(prefix)) known.learnWatched(prefix, { revision: 0, entries: [] });
}
