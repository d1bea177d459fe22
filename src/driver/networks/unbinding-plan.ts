/** What becomes of a cluster network when one Docker network is untied from it. Pure. */
import type { BindingRecord } from '../../model/binding.js';
import type { NetworkRecord } from '../../model/network.js';

/** Remove the whole network; or only untie; or untie and mark the network, for the other hosts to remove theirs. */
export type Unbinding = 'remove' | 'unbind' | 'mark';

/**
 * The removal of a mirrored network is meant for all hosts when it is that of the very Docker network that the
 * mirror keeps, seen in Docker under its name. Else Docker rolled back a creation, or removed another Docker network
 * that was tied to it: then it stays. So it does when it was `lost`: no user removed it, but Docker's database is
 * gone, say, or the mirror carried out a removal that is undone. A network that swarm has is removed by swarm alone.
 */
export function planUnbinding(
  { mirror, swarm }: NetworkRecord,
  seen: BindingRecord['seen'],
  { last, lost }: { last: boolean; lost: boolean },
): Unbinding {
  if (swarm) return 'unbind';
  if (!mirror || mirror.removal) return last ? 'remove' : 'unbind';
  if (lost || seen?.name !== mirror.name) return 'unbind';
  return last ? 'remove' : 'mark';
}
