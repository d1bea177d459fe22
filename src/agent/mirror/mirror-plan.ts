/**
 * src/agent/mirror: networks that every host's Docker has. Here is the plan; mirror-apply.ts carries it out, mirror.ts
 * looks again whenever something changes. Not in here: networks that users keep to one host, except where one of them
 * blocks a mirrored one.
 *
 * Create once, there everywhere: what this host has to do so that every mirrored network of the cluster is in its
 * Docker, and every network its users create is mirrored. Pure.
 *
 * Rules:
 * - xnet never removes a Docker network to which a container belongs, one that does not run included; under one that
 *   never ran only to put another of the name in its place.
 * - Of two networks of one name the first that is published stays. The Docker network of the other is bound to it when
 *   both are the same but for labels. Else it is replaced by a copy of the first when no container has run in it; a
 *   container that never ran starts in the copy. Else it is reported.
 * - A removal counts for all hosts. It is undone when an endpoint is left anywhere, or a container belongs to another
 *   host's copy.
 * - Containers of a Docker network of this host that is gone and has a successor are connected to the successor.
 * - Names held by something else are reported and left alone.
 */
import { isDeepStrictEqual } from 'node:util';
import type { DockerNetwork } from '../../docker/engine.js';
import type { BindingRecord } from '../../model/binding.js';
import type { MirrorRecord, NetworkRecord } from '../../model/network.js';
import { ID_OPTION, mirrorOf } from './mirror-copy.js';
import { indexOf } from './mirror-index.js';
import { isConnectedTo, isInUse, isOurs, isUsedHere } from './mirror-members.js';
import type { MirrorPlan } from './mirror-step.js';
import { findSharedPools, planGatewayBridge } from './mirror-subnets.js';
import type { MirrorView } from './mirror-view.js';

/** `-o` and `--ipam-opt`. */
const NAME_OPTION = 'xnet.name';
const MIRROR_OPTION = 'xnet.mirror';

export function planMirror(view: MirrorView): MirrorPlan {
  const ours = view.dockerNetworks.filter(isOurs);
  return [
    ...planGatewayBridge(view, ours),
    ...ours.flatMap((dockerNetwork) => planPresent(view, dockerNetwork)),
    ...view.networks.flatMap((network) => planNetwork(view, network)),
    ...view.bindings.flatMap((binding) => planGone(view, binding)),
    ...findSharedPools(view),
  ];
}

/** A Docker network's binding and the network that it is bound to, where the view has both. */
export function findBound(view: MirrorView, id: string) {
  const { bindings, networks } = indexOf(view);
  const binding = bindings.get(id);
  const network = binding && networks.get(binding.networkId);
  return binding && network && { binding, network };
}

function planPresent(view: MirrorView, dockerNetwork: DockerNetwork): MirrorPlan {
  const bound = findBound(view, dockerNetwork.id);
  if (!bound) return planStray(view, dockerNetwork);
  const { binding, network } = bound;
  if (isMirrorCopy(network, dockerNetwork) && network.mirror?.removal) {
    if (isInUse(view, network.id)) return [];
    return [{ do: 'remove', dockerNetwork, networkId: network.id, cause: 'removed' }];
  }
  if (!network.mirror && network.name === undefined && isMirrorable(dockerNetwork))
    return planPublication(view, network, dockerNetwork);
  if (binding.seen?.database === view.database && binding.seen.name === dockerNetwork.name)
    return planReconnection(view, network, dockerNetwork);
  return [{ do: 'see', networkId: network.id, dockerNetwork }];
}

/** Docker starts no container that names a Docker network which is gone, though another came in its place. */
function planReconnection(
  { containers }: MirrorView,
  { mirror }: NetworkRecord,
  dockerNetwork: DockerNetwork,
): MirrorPlan {
  const former = mirror?.former ?? [];
  const lost = containers.filter(({ endpoints }) =>
    endpoints.some(({ networkId, network }) => former.includes(networkId) && network === mirror?.name),
  );
  if (lost.length === 0) return [];
  return [{ do: 'reconnect', dockerNetwork, containerIds: lost.map(({ id }) => id) }];
}

/** A copy whose network is gone from the cluster goes too. */
function planStray(view: MirrorView, dockerNetwork: DockerNetwork): MirrorPlan {
  const { networks } = indexOf(view);
  if (!view.strays.has(dockerNetwork.id)) return [];
  const networkId = dockerNetwork.options[ID_OPTION];
  if (networkId !== undefined && !networks.has(networkId)) {
    return [{ do: 'remove', dockerNetwork, networkId, cause: 'orphan' }];
  }
  return [
    `Docker network ${dockerNetwork.name} is not known to xnet; remove it (docker network rm ${dockerNetwork.name}) and create it again`,
  ];
}

function planPublication(view: MirrorView, network: NetworkRecord, dockerNetwork: DockerNetwork): MirrorPlan {
  const { name } = dockerNetwork;
  if (isNameLeaving(view, name)) return [];
  const holder = view.networks.find((other) => other.name === name && other.id !== network.id);
  if (!holder) return [{ do: 'publish', networkId: network.id, dockerNetwork }];
  if (!holder.mirror) {
    return [
      `network ${name} is on this host only: the cluster has another of that xnet.name; create it under another name, or with -o ${MIRROR_OPTION}=off`,
    ];
  }
  if (!view.used.has(network.id) && isSame(network, holder, mirrorOf(dockerNetwork)))
    return [{ do: 'join', networkId: network.id, dockerNetwork, holderId: holder.id }];
  if (view.used.has(network.id) || isUsedHere(view, network.id, isConnectedTo)) return [conflictText(name)];
  // Created in the place of the one that a user has just removed here: its labels are the latest that a user gave.
  const labels = view.justRemoved.has(holder.id) ? { labels: dockerNetwork.labels } : {};
  return [{ do: 'replace', dockerNetwork, networkId: holder.id, ...labels }];
}

/** A network of the name was removed on this host, and it is not known yet whether that is undone: the name is not free. */
export function isNameLeaving(
  { networks, justRemoved }: Pick<MirrorView, 'networks' | 'justRemoved'>,
  name: string,
): boolean {
  return networks.some(({ id, mirror }) => justRemoved.has(id) && mirror?.name === name && mirror.removal);
}

/** The second network was created just as the first one: their containers may share it. */
function isSame(second: NetworkRecord, first: NetworkRecord, created: MirrorRecord): boolean {
  const pools = (network: NetworkRecord) => network.pools.map(({ poolKey }) => poolKey).sort();
  return (
    isDeepStrictEqual(pools(second), pools(first)) &&
    isDeepStrictEqual(essence(created), first.mirror && essence(first.mirror))
  );
}

function essence({ labels: _, removal: _removal, former: _former, ...rest }: MirrorRecord) {
  return rest;
}

export function conflictText(name: string): string {
  return `network ${name} was created on two hosts at once, or anew while other hosts use the former one, and containers use this host's: they do not reach the other hosts' ${name}; stop and remove them, and xnet puts the common network in its place`;
}

/** Is a mirrored network here, and does a removal stand? */
function planNetwork(view: MirrorView, network: NetworkRecord): MirrorPlan {
  const { mirror, id } = network;
  if (!mirror) return [];
  if (mirror.removal) {
    return isInUse(view, id) ? [{ do: 'keep', networkId: id, here: isUsedHere(view, id) }] : [];
  }
  const { bindingsTo, dockerNetworks, dockerNetworkIds } = indexOf(view);
  const bound = bindingsTo.get(id) ?? [];
  const called = dockerNetworks.get(mirror.name) ?? [];
  const isHere = (each: DockerNetwork) =>
    each.options[ID_OPTION] === id || bound.some(({ dockerNetworkId }) => dockerNetworkId === each.id);
  if (called.some((each) => isOurs(each) && isHere(each))) return [];
  // Being created, or gone: both are settled before anything is made.
  const isThere = (each: DockerNetwork | undefined) => each !== undefined && isOurs(each);
  if (bound.some(({ dockerNetworkId }) => !isThere(dockerNetworkIds.get(dockerNetworkId)))) return [];
  if (view.awaited.has(id)) return [];
  const [holder] = called;
  if (!holder) return [{ do: 'copy', networkId: id, name: mirror.name }];
  return isPlannedFor(view, holder) ? [] : [heldText(mirror.name, holder)];
}

/** True when the rules for present networks handle the holder of the name, so that nothing more is to be reported. */
function isPlannedFor(view: MirrorView, holder: DockerNetwork): boolean {
  if (!isOurs(holder)) return false;
  // It has just been created.
  const isBound = indexOf(view).bindings.has(holder.id);
  if (!isBound && !view.strays.has(holder.id)) return true;
  return planPresent(view, holder).some(
    (each) => typeof each === 'string' || ['join', 'remove', 'replace'].includes(each.do),
  );
}

function heldText(name: string, { driver, id }: DockerNetwork): string {
  return `network ${name} of the cluster is not on this host: the name is held by Docker network ${id.slice(0, 12)} (driver ${driver}); remove that one, or create the network of the cluster under another name`;
}

function planGone({ gone, made, database }: MirrorView, binding: BindingRecord): MirrorPlan {
  if (!gone.has(binding.dockerNetworkId)) return [];
  const seen = binding.seen ?? made.get(binding.dockerNetworkId);
  return [{ do: 'unbind', binding, lost: seen?.database !== database }];
}

function isMirrorCopy({ mirror }: NetworkRecord, dockerNetwork: DockerNetwork): boolean {
  return mirror?.name === dockerNetwork.name;
}

/** Networks that their user bound to a cluster network (xnet.id, xnet.name) exist only where the user creates them. */
function isMirrorable({ options, ipam }: DockerNetwork): boolean {
  const isBoundByUser = [ID_OPTION, NAME_OPTION].some(
    (option) => option in options || option in ipam.options,
  );
  return !isBoundByUser && options[MIRROR_OPTION] !== 'off';
}
