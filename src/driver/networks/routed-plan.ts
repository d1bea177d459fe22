/**
 * Decisions about a routed network. Its packets leave the hosts as they are, so nothing but its addresses marks them:
 * no other routed network may have these, and no host another way to them.
 */

import { TEST_SUBNETS } from '../../dataplane/pairs.js';
import { XnetError } from '../../errors.js';
import { Prefix } from '../../inet/prefix.js';
import { isDropping, isOverlapped, type Route } from '../../inet/route.js';
import { keys } from '../../model/keys.js';
import { modeOf, type NetworkRecord, networkRecord } from '../../model/network.js';
import { findRecord } from '../../model/record.js';
import type { Store } from '../../store/store.js';
import type { NetworkOptions } from './network-options.js';
import { subnetsOf } from './network-plan.js';

export interface RoutedPlanParts {
  readonly store: Store;
  /** Of this host. */
  readonly hostRoutes: () => Promise<readonly Route[]>;
}

export function isRouted(network: Pick<NetworkRecord, 'mode'>): boolean {
  return modeOf(network).kind === 'routed';
}

/** Whether a new network carries multicast between hosts. Throws INVALID where it cannot. */
export function carriesMulticast({ mode, multicast }: NetworkOptions): boolean {
  if (mode?.kind !== 'routed') return multicast ?? true;
  if (!multicast) return false;
  throw new XnetError(
    'INVALID',
    'option xnet.multicast=on does not go with xnet.mode=routed, which carries no multicast and no broadcast: leave it out, or create an overlay (leave xnet.mode out)',
  );
}

/**
 * Throws IN_USE when a new routed network has addresses of another one of the cluster, or of a route of this host. Two that are
 * created at the same moment may both pass: `routedProblems` names them.
 */
export async function refuseOverlaps(
  { store, hostRoutes }: RoutedPlanParts,
  record: NetworkRecord,
): Promise<void> {
  if (!isRouted(record)) return;
  const { entries } = await store.list(keys.networks());
  const others = entries.flatMap((entry) => findRecord(networkRecord, entry) ?? []);
  const [problem] = findOverlaps(record, others, await hostRoutes());
  if (problem !== undefined)
    throw new XnetError('IN_USE', `${problem}; create the network with another --subnet`, {
      networkId: record.id,
    });
}

/** What else has addresses of a routed network, in words. `routes`: of a host, of which those of its Docker count, too. Pure. */
export function findOverlaps(
  network: NetworkRecord,
  others: readonly NetworkRecord[],
  routes: readonly Route[],
): string[] {
  return subnetsOf(network).flatMap((subnet) => [
    ...TEST_SUBNETS.filter((test) => Prefix.parse(test).overlaps(subnet)).map(
      (test) =>
        `subnet ${subnet} overlaps ${test}, from which hosts of routed networks test whether they are on one segment`,
    ),
    ...others
      .filter((other) => other.id !== network.id && isRouted(other) && !other.mirror?.removal)
      .flatMap((other) => {
        const overlapped = subnetsOf(other).find((each) => each.overlaps(subnet));
        if (!overlapped) return [];
        const title = other.name ?? other.id;
        return [
          `subnet ${subnet} overlaps ${overlapped} of network ${title}, and routed networks cannot share addresses`,
        ];
      }),
    ...routes
      .filter((route) => !isDropping(route) && isOverlapped(subnet, route))
      .map(
        ({ destination, device }) =>
          `subnet ${subnet} overlaps this host's route to ${destination} (${device}), and a routed network cannot share addresses with it`,
      ),
  ]);
}
