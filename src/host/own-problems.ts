import type { AddressWatch } from '../agent/local/address-watch.js';
import type { Mirror } from '../agent/mirror/mirror.js';
import type { NamePublisher } from '../agent/names/name-publisher.js';
import type { Forwarding } from './forwarding.js';

interface Parts extends Pick<Forwarding, 'follower' | 'local' | 'registration' | 'changes' | 'parentWatch'> {
  readonly lans: { readonly problems: readonly string[] };
  readonly deviceWatch: { readonly problems: readonly string[] };
  readonly mirror: Pick<Mirror, 'problems'>;
  readonly names: Pick<NamePublisher, 'failures'>;
  readonly addressWatch: Pick<AddressWatch, 'problems'>;
}

/** Problems of this host that concern the other hosts: what of the cluster is missing or wrong here. */
export function ownProblems(parts: Parts): string[] {
  const { follower, local, registration, changes, mirror, names, addressWatch } = parts;
  const { parentWatch, lans, deviceWatch } = parts;
  const unfollowed = follower.failures.map(({ networkId, reason }) => {
    const name = local.findRecord(networkId)?.name ?? networkId;
    return `this host's forwarding of network ${name} is not up to date: ${reason}`;
  });
  const unpublished =
    names.failures === 0
      ? []
      : [
          `the names of ${names.failures} containers of this host are not known to the others; the log says why`,
        ];
  return [
    ...registration.problems,
    ...changes.problems,
    ...unfollowed,
    ...mirror.problems,
    ...unpublished,
    ...addressWatch.problems,
    ...parentWatch.problems,
    ...lans.problems,
    ...deviceWatch.problems,
  ];
}
