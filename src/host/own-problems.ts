import { access } from 'node:fs/promises';
import type { DriftRepairs } from '../agent/forwarding/drift-repairs.js';
import type { Forger } from '../agent/forwarding/forged-packets.js';
import type { HostProblems } from '../agent/hosts/host-problems.js';
import type { AddressWatch } from '../agent/local/address-watch.js';
import type { Mirror } from '../agent/mirror/mirror.js';
import type { NamePublisher } from '../agent/names/name-publisher.js';
import type { Forwarding } from './forwarding.js';

export interface OwnProblemsParts
  extends Pick<
    Forwarding,
    'follower' | 'local' | 'registration' | 'changes' | 'guard' | 'parentWatch' | 'policies'
  > {
  readonly lans: { readonly problems: readonly string[] };
  readonly deniedFrames: { readonly problems: readonly string[] };
  readonly deviceWatch: { readonly problems: readonly string[] };
  readonly mirror: Pick<Mirror, 'problems'>;
  readonly names: Pick<NamePublisher, 'failures'>;
  readonly addressWatch: Pick<AddressWatch, 'problems'>;
  readonly drift: Pick<DriftRepairs, 'forgers'>;
  readonly egressGuard: { readonly problems: readonly string[] };
}

/** Problems of this host that concern the other hosts: what of the cluster is missing or wrong here. */
export function ownProblems(parts: OwnProblemsParts): string[] {
  const { follower, local, registration, changes, mirror, names, addressWatch, drift } = parts;
  const { guard, parentWatch, lans, deviceWatch, policies, deniedFrames, egressGuard } = parts;
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
    ...guard.problems,
    ...unfollowed,
    ...mirror.problems,
    ...unpublished,
    ...addressWatch.problems,
    ...drift.forgers.flatMap((forger) => forgerProblem(forger, parts)),
    ...parentWatch.problems,
    ...policies.problems,
    ...deniedFrames.problems,
    ...lans.problems,
    ...deviceWatch.problems,
    ...egressGuard.problems,
  ];
}

/** None of an endpoint that has gone meanwhile. The name of its container comes later than it, with what the cluster knows. */
function forgerProblem(
  { networkId, endpointName }: Forger,
  { local, follower }: Pick<OwnProblemsParts, 'local' | 'follower'>,
): string[] {
  const isMeant = ({ id }: { readonly id: string }) => id.startsWith(endpointName);
  const endpoint = local.listEndpoints(networkId).find(isMeant);
  if (!endpoint) return [];
  const network = local.findRecord(networkId)?.name ?? networkId;
  const { addresses, mac } = endpoint;
  const container = follower.endpointsOf(networkId)?.find(isMeant)?.names?.container ?? endpointName;
  return [
    `network ${network}: container ${container} sends packets that are not from its own addresses (${addresses.join(', ')}) and MAC (${mac}), and they are dropped; see who sends them in it, or, if it is to, create the network anew with -o xnet.spoof=allow`,
  ];
}

/** The problems of other hosts that are alive: those that a silent host last published may be over. */
export function othersProblems(
  { hosts, problems }: Pick<Forwarding, 'hosts'> & { readonly problems: Pick<HostProblems, 'of'> },
  hostId: string,
): { readonly host: string; readonly text: string }[] {
  return hosts
    .list()
    .filter(({ host, alive }) => alive && host.id !== hostId)
    .flatMap(({ host: { id, name } }) =>
      problems.of(id).map((text) => ({ host: name, text: `${name}: ${text}` })),
    );
}

/** Docker looks for plugins by their files. */
export function socketProblem(path: string): Promise<string | undefined> {
  const gone = `Docker does not reach xnet: its socket ${path} is gone; \`xnet doctor\` prints the command that starts xnet again with one`;
  return access(path).then(
    () => undefined,
    () => gone,
  );
}
