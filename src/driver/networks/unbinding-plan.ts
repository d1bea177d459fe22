/** What becomes of a cluster network when one Docker network is unbound from it. Pure. */
import type { BindingRecord } from '../../model/binding.js';
import type { NetworkRecord } from '../../model/network.js';

/** Remove the whole network; or only unbind; or unbind and mark the network, so that the other hosts remove theirs. */
export type Unbinding = 'remove' | 'unbind' | 'mark';

/**
 * The removal of a mirrored network counts for all hosts when the Docker network is the one that the mirror keeps: it
 * was seen in Docker under the mirrored name. Else the network stays: Docker rolled back a creation, or removed another
 * Docker network that was bound to it. It also stays when the Docker network was `lost`: no user removed it, but for
 * instance Docker's database is gone, or the mirror carried out a removal that is undone. A network that swarm has is
 * removed by swarm alone.
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
