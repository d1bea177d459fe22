/**
 * The effects that make and remove a network's namespace and devices, attach endpoints to it, and give containers back an
 * interface that was deleted.
 */
import { XnetError } from '../../errors.js';
import { type Change, linesOf } from '../changes.js';
import type { LocalEndpoint, NetworkSpec } from '../dataplane.js';
import { GROUPS } from '../interface-names.js';
import { type BatchFailure, isAbsent, isPortTaken, isPresent, isVniTaken } from '../iproute2/iproute2.js';
import { untilGone } from '../kernel/until-gone.js';
import { awaitVanished, dressInterface, firstFreeName } from '../sandbox/sandbox-interface.js';
import type { Tunnel } from './layout.js';
import type { NetworkNamespace } from './network-namespace.js';

/** `changes` are of `diffDevices`. Throws IN_USE when another device has the VNI, or another socket the UDP port. */
export async function applyDevices(
  namespace: NetworkNamespace,
  changes: readonly Change[],
  network: NetworkSpec,
  tunnel: Tunnel,
): Promise<void> {
  const isNew = changes.some(({ kind }) => kind === 'namespace');
  if (isNew) await namespace.make();
  const cleared = linesOf(changes, 'clear');
  await namespace.batch(cleared, { tolerate: isAbsent });
  // A standing program knows interfaces by the numbers that it has seen: another may get the number of one that is gone.
  if (cleared.length > 0) await namespace.iproute2.leave(namespace.name);
  // A VXLAN device of a namespace that is gone may linger.
  const addTunnel = untilGone(async () => {
    const lines = linesOf(changes, 'host');
    const [failure] = await namespace.iproute2.batch('ip', undefined, lines, { tolerate: isVniTaken });
    return failure;
  });
  const bypass = isNew ? namespace.bypassBridgeNetfilter() : undefined;
  const [vniIsTaken] = await Promise.all([addTunnel, bypass, namespace.giveNumber()]);
  if (vniIsTaken) throw vniTaken(network, tunnel);
  const [portIsTaken] = await namespace.batch(linesOf(changes, 'ip'), { tolerate: isPortTaken });
  if (portIsTaken) throw portTaken(tunnel);
}

/** Removes the namespace and all in it. Its VNI is free, and its interfaces are gone, when this resolves. */
export async function removeDevices(namespace: NetworkNamespace, names: readonly string[]): Promise<void> {
  // One group, so that the kernel waits once for all.
  await namespace.removeLinks(names, GROUPS.endpoint);
  await namespace.iproute2.leave(namespace.name);
  await namespace.remove();
}

/**
 * Makes the endpoints' interfaces and FDB entries, or completes what is there of them; `changes` are of Attachment.add.
 * Throws NOT_FOUND when the network is not there or not whole, IN_USE when a stranger's interface has the name.
 */
export async function attachEndpoints(
  namespace: NetworkNamespace,
  changes: readonly Change[],
): Promise<void> {
  const look = () => attach(namespace, linesOf(changes, 'ip'));
  // The peer of a port that is gone may linger in the host's namespace while the kernel deletes it.
  const taken = changes.length > 1 ? await look() : await untilGone(look);
  if (taken !== undefined) throw nameTaken(taken, namespace.networkId);
  await namespace.iproute2.batch('bridge', namespace.name, linesOf(changes, 'bridge'));
}

/**
 * Makes the endpoint's pair anew, one end of it in its container: named `formerName`, or as Docker would name it. `change`
 * is of Attachment.add.
 */
export async function attachAgain(
  namespace: NetworkNamespace,
  change: Change,
  endpoint: LocalEndpoint & { readonly sandboxPath: string },
  formerName: string | undefined,
): Promise<void> {
  const others = await awaitVanished(endpoint.sandboxPath, endpoint.mac);
  try {
    await attachEndpoints(namespace, [change]);
    await dressInterface(endpoint.sandboxPath, endpoint, formerName ?? firstFreeName(others));
  } catch (error: unknown) {
    // Half of it would pass for right at the next look.
    await namespace.removeLinks([change.object]).catch(() => {});
    throw error;
  }
}

/** Resolves to the name of a port that cannot be made, it being taken outside the network's namespace. */
async function attach(namespace: NetworkNamespace, lines: readonly string[]): Promise<string | undefined> {
  const tolerate = (failure: BatchFailure) => isPresent(failure) || isAbsent(failure);
  const failures = await namespace.batch(lines, { tolerate });
  // A port being there already is the only failure of an endpoint that is attached.
  const others = failures.filter((failure) => !isPresent(failure));
  const bridgeMissing = others.find(({ words }) => !/xc[0-9a-f]{12}/.test(words));
  if (bridgeMissing) {
    const message = `network namespace ${namespace.name} has no bridge: ${bridgeMissing.words}`;
    throw new XnetError('NOT_FOUND', message, { namespace: namespace.name });
  }
  return others[0]?.line.split(' ')[2];
}

export function vniTaken({ id, vni }: NetworkSpec, { port }: Tunnel): XnetError {
  const holder = `another VXLAN device of this host has VNI ${vni} on UDP port ${port}`;
  const remedy =
    'find it with "ip -d link show type vxlan", also in each of "ip netns list", and remove it or change the VNI';
  return new XnetError('IN_USE', `network ${id}: ${holder}; ${remedy}`, { networkId: id, vni, port });
}

export function portTaken({ port, vtep }: Tunnel): XnetError {
  const reason = `UDP port ${port} of this host is taken by a socket that VXLAN cannot share`;
  return new XnetError('IN_USE', `${reason}; find it with "ss -lun", or give xnet another VXLAN port`, {
    port,
    vtep,
  });
}

export function nameTaken(name: string, networkId: string): XnetError {
  const reason = `the interface ${name} is on this host already, but is not attached to network ${networkId}`;
  return new XnetError('IN_USE', `${reason}; remove it with "ip link del ${name}"`, {
    interface: name,
    networkId,
  });
}
