import type { PathAnswer } from '../../admin/status-answer.js';
import type { PathPeer, PathState } from '../../agent/paths/followed-path.js';
import { type NamedPath, type OwnPlace, pathProblems } from '../../agent/paths/path-problems.js';
import { Paths } from '../../agent/paths/paths.js';
import { PATH_VNI } from '../../dataplane/paths.js';
import { errorMessage } from '../../errors.js';
import { isSameFamily } from '../../inet/ip-address.js';
import type { Forwarding } from '../forwarding.js';
import type { Foundation } from '../foundation.js';

/** Measures the paths to the hosts with which this one shares a network; to be started. */
export function createPaths(
  { pathDevice: device, hostId, dataplane, logger }: Foundation,
  { hosts, networkPeers, changes, local, specOf, registration, replica }: Forwarding,
): Paths {
  const isKnown = () => {
    const used = new Set(local.listAllEndpoints().map(({ networkId }) => networkId));
    return local.listNetworks().every(({ record }) => !used.has(record.id) || networkPeers.knows(record.id));
  };
  const peers = () => {
    if (!isKnown()) return undefined;
    const { vtep: own } = changes.underlay;
    return [...networkPeers.ids].flatMap((id): PathPeer[] => {
      const vtep = hosts.vtepOf(id);
      const record = hosts.find(id);
      if (id === hostId || !record || vtep === undefined || !isSameFamily(vtep, own)) return [];
      return [{ id, name: record.name, vtep, isAlive: hosts.isAlive(id), mtu: record.pathMtu }];
    });
  };
  const own = () => {
    const { underlay } = changes;
    const most = dataplane.containerMtu(underlay);
    const used = networkPeers.networkIds.flatMap((id) => local.findRecord(id) ?? []);
    // A larger packet is fragmented by this host itself, as the network's creator has chosen.
    const mtus = used.map((record) => Math.min(specOf(record).mtu, most));
    return { vtep: underlay.vtep, mtu: mtus.length > 0 ? Math.max(...mtus) : most };
  };
  const vniHolder = () => {
    const holder = local.listNetworks().find(({ record }) => record.vni === PATH_VNI)?.record;
    return holder && (holder.name ?? holder.id);
  };
  const paths = new Paths({
    device,
    peers,
    vniHolder,
    own,
    isStoreAway: () => replica.problem !== undefined,
    publish: (mtu) => registration.publishPathMtu(mtu),
    logger,
  });
  const hint = () => paths.hint();
  networkPeers.onChange(hint);
  hosts.onChange(hint);
  changes.onChange(hint);
  return paths;
}

/** The paths that are measured, by the names of the hosts. */
export function namedPaths({
  hosts,
  paths,
}: Pick<Forwarding, 'hosts'> & { readonly paths: Paths }): NamedPath[] {
  return [...paths.states].flatMap(([id, state]) => {
    const record = hosts.find(id);
    return record ? [{ name: record.name, vtep: record.vtep, state }] : [];
  });
}

/** For `xnet status` of this host: each of two hosts between which a path is lost finds it itself. */
export function findPathProblems(
  foundation: Pick<Foundation, 'config' | 'dataplane'>,
  host: Pick<Forwarding, 'hosts' | 'changes'> & { readonly paths: Paths },
): string[] {
  const { paths } = host;
  const failure =
    paths.failure === undefined
      ? []
      : [`the paths to other hosts are not measured: ${errorMessage(paths.failure)}`];
  return [...failure, ...pathProblems(ownPlace(foundation, host), namedPaths(host))];
}

/** This host as the end of its paths. */
export function ownPlace(
  { config: { vxlanPort }, dataplane }: Pick<Foundation, 'config' | 'dataplane'>,
  { changes: { underlay } }: Pick<Forwarding, 'changes'>,
): OwnPlace {
  return { ...underlay, carried: dataplane.containerMtu(underlay), vxlanPort };
}

/** For people, by the ids of the hosts. */
export function pathAnswers({ paths }: { readonly paths: Paths }): ReadonlyMap<string, PathAnswer> {
  return new Map([...paths.states].map(([id, state]) => [id, answerOf(state)]));
}

function answerOf(state: PathState): PathAnswer {
  const { verdict, since, roundTripMs, largest, needed, isIncoming } = state;
  return {
    ...{ state: verdict ?? 'unknown', since: since.toISOString().replace(/\.\d+/, ''), needed },
    ...(roundTripMs !== undefined && { roundTripMs: Math.round(roundTripMs * 100) / 100 }),
    ...(largest !== undefined && { largest }),
    ...(verdict === 'lost' && { incoming: isIncoming }),
  };
}
