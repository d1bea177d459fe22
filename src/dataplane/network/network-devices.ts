/** The effects that make and remove a network's namespace and devices. */
import { sleep } from '../../concurrency/deadline.js';
import { isXnetError, XnetError } from '../../errors.js';
import type { NetworkSpec } from '../dataplane.js';
import { BRIDGE, GROUPS, namespaceName, VXLAN } from '../interface-names.js';
import { type Iproute2, isAbsent, isPortTaken, isVniTaken } from '../iproute2/iproute2.js';
import { type Link, linksSchema } from './links.js';
import {
  bypassBridgeNetfilter,
  ensureNamespace,
  giveNamespaceId,
  namespaceInode,
  removeNamespace,
} from './namespaces.js';
import { planNetwork } from './plan-network.js';
import type { Tunnel } from './vxlan.js';

/**
 * The kernel deletes devices of a vanished namespace some time later (tens of ms seen); so long we wait for
 * it.
 */
export const LINGER_MS = 2_000;
const LINGER_STEP_MS = 50;

/**
 * The devices of the network's namespace, without its endpoints' unless `all`; undefined when there is no such
 * (usable) namespace.
 */
export async function findLinks(
  iproute2: Iproute2,
  networkId: string,
  { all = false } = {},
): Promise<Link[] | undefined> {
  if ((await namespaceInode(networkId)) === undefined) return undefined;
  const group = all ? [] : ['group', String(GROUPS.core)];
  try {
    return await iproute2.show('ip', namespaceName(networkId), ['-d', 'link', 'show', ...group], linksSchema);
  } catch (error: unknown) {
    if (isXnetError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** Makes `network` out of what is there (`links`). Returns whether anything had to be done. */
export async function ensureDevices(
  iproute2: Iproute2,
  links: readonly Link[] | undefined,
  network: NetworkSpec,
  tunnel: Tunnel,
): Promise<boolean> {
  const namespace = namespaceName(network.id);
  if (!links) {
    // A name left in /run/netns that is no namespace (any more) would stay in the way.
    if ((await namespaceInode(network.id)) !== undefined) await removeNamespace(iproute2, network.id);
    await ensureNamespace(iproute2, network.id);
  }
  const plan = planNetwork(links ?? [], network, tunnel);
  await iproute2.batch('ip', namespace, plan.before, { tolerate: isAbsent });
  await Promise.all([
    addTunnel(iproute2, plan.host, network, tunnel),
    links ? undefined : bypassBridgeNetfilter(network.id),
    giveNamespaceId(iproute2, network.id),
  ]);
  const taken = await iproute2.batch('ip', namespace, plan.inside, { tolerate: isPortTaken });
  if (taken.length > 0) throw portTaken(tunnel);
  return plan.before.length + plan.host.length + plan.inside.length > 0;
}

/** Removes everything of the network. Its VNI is free, and its interfaces are gone, when this resolves. */
export async function removeDevices(iproute2: Iproute2, networkId: string): Promise<void> {
  // One group, so that the kernel waits once for all.
  const marks = [VXLAN, BRIDGE].map((name) => `link set ${name} group ${GROUPS.endpoint}`);
  const lines = [...marks, `link del group ${GROUPS.endpoint}`];
  try {
    await iproute2.batch('ip', namespaceName(networkId), lines, { tolerate: isAbsent, lane: 'removal' });
  } catch (error: unknown) {
    if (!isXnetError(error, 'NOT_FOUND')) throw error;
  }
  await iproute2.leave(namespaceName(networkId));
  await removeNamespace(iproute2, networkId);
}

async function addTunnel(
  iproute2: Iproute2,
  lines: readonly string[],
  network: NetworkSpec,
  tunnel: Tunnel,
): Promise<void> {
  const deadline = performance.now() + LINGER_MS;
  for (;;) {
    const taken = await iproute2.batch('ip', undefined, lines, { tolerate: isVniTaken });
    if (taken.length === 0) return;
    if (performance.now() > deadline) throw vniTaken(network, tunnel);
    await sleep(LINGER_STEP_MS);
  }
}

function vniTaken({ id, vni }: NetworkSpec, { port }: Tunnel): XnetError {
  const holder = `another VXLAN device of this host has VNI ${vni} on UDP port ${port}`;
  const remedy =
    'find it with "ip -d link show type vxlan", also in each of "ip netns list", and remove it or change the VNI';
  return new XnetError('IN_USE', `network ${id}: ${holder}; ${remedy}`, { networkId: id, vni, port });
}

function portTaken({ port, vtep }: Tunnel): XnetError {
  const reason = `UDP port ${port} of this host is taken by a socket that VXLAN cannot share`;
  return new XnetError('IN_USE', `${reason}; find it with "ss -lun", or give xnet another VXLAN port`, {
    port,
    vtep,
  });
}
