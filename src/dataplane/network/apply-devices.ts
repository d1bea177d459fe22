/** The effects that make and remove a network's namespace and devices. */
import { isXnetError, XnetError } from '../../errors.js';
import { type Change, linesOf } from '../changes.js';
import type { NetworkSpec } from '../dataplane.js';
import { BRIDGE, GROUPS, namespaceName, VXLAN } from '../interface-names.js';
import { type Iproute2, isAbsent, isPortTaken, isVniTaken } from '../iproute2/iproute2.js';
import { inodeOfNamespace } from '../iproute2/standing-programs.js';
import { untilGone } from '../kernel/until-gone.js';
import type { Tunnel } from './mode.js';
import { bypassBridgeNetfilter, ensureNamespace, giveNamespaceId, removeNamespace } from './namespaces.js';

/** `changes` are of `diffDevices`. Throws IN_USE when another device has the VNI, or another socket the UDP port. */
export async function applyDevices(
  iproute2: Iproute2,
  changes: readonly Change[],
  network: NetworkSpec,
  tunnel: Tunnel,
): Promise<void> {
  const namespace = namespaceName(network.id);
  const isNew = changes.some(({ kind }) => kind === 'namespace');
  if (isNew) await makeNamespace(iproute2, network.id);
  await iproute2.batch('ip', namespace, linesOf(changes, 'clear'), { tolerate: isAbsent });
  await Promise.all([
    addTunnel(iproute2, linesOf(changes, 'host'), network, tunnel),
    isNew ? bypassBridgeNetfilter(network.id) : undefined,
    giveNamespaceId(iproute2, network.id),
  ]);
  const taken = await iproute2.batch('ip', namespace, linesOf(changes, 'ip'), { tolerate: isPortTaken });
  if (taken.length > 0) throw portTaken(tunnel);
}

/** Removes everything of the network. Its VNI is free, and its interfaces are gone, when this resolves. */
export async function removeDevices(iproute2: Iproute2, networkId: string): Promise<void> {
  // One group, so that the kernel waits once for all.
  await removeLinks(iproute2, networkId, [VXLAN, BRIDGE], GROUPS.endpoint);
  await iproute2.leave(namespaceName(networkId));
  await removeNamespace(iproute2, networkId);
}

/**
 * Deletes the devices of these names, and all others of the group, and with each its peer wherever that is. Absent is
 * success. Deleting a device holds the kernel's RTNL lock and waits for RCU (20 to 60 ms seen), but a group is deleted in
 * one go.
 */
export async function removeLinks(
  iproute2: Iproute2,
  networkId: string,
  names: readonly string[],
  group: number = GROUPS.leaving,
): Promise<void> {
  const lines = [...names.map((name) => `link set ${name} group ${group}`), `link del group ${group}`];
  try {
    await iproute2.batch('ip', namespaceName(networkId), lines, { tolerate: isAbsent, lane: 'removal' });
  } catch (error: unknown) {
    if (!isXnetError(error, 'NOT_FOUND')) throw error;
  }
}

async function makeNamespace(iproute2: Iproute2, networkId: string): Promise<void> {
  // Programs that stand in a namespace without a name keep it, and the VNI in it, alive.
  await iproute2.leave(namespaceName(networkId));
  // A name left in /run/netns that is no namespace (any more) would stay in the way.
  if ((await inodeOfNamespace(namespaceName(networkId))) !== undefined)
    await removeNamespace(iproute2, networkId);
  await ensureNamespace(iproute2, networkId);
}

/** A VXLAN device of a namespace that is gone may linger. */
async function addTunnel(
  iproute2: Iproute2,
  lines: readonly string[],
  { id, vni }: NetworkSpec,
  { port }: Tunnel,
): Promise<void> {
  const taken = await untilGone(async () => {
    const [failure] = await iproute2.batch('ip', undefined, lines, { tolerate: isVniTaken });
    return failure;
  });
  if (!taken) return;
  const holder = `another VXLAN device of this host has VNI ${vni} on UDP port ${port}`;
  const remedy =
    'find it with "ip -d link show type vxlan", also in each of "ip netns list", and remove it or change the VNI';
  throw new XnetError('IN_USE', `network ${id}: ${holder}; ${remedy}`, { networkId: id, vni, port });
}

function portTaken({ port, vtep }: Tunnel): XnetError {
  const reason = `UDP port ${port} of this host is taken by a socket that VXLAN cannot share`;
  return new XnetError('IN_USE', `${reason}; find it with "ss -lun", or give xnet another VXLAN port`, {
    port,
    vtep,
  });
}
