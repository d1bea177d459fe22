/** The effects that make and remove a network's namespace and devices. */
import { XnetError } from '../../errors.js';
import { type Change, linesOf } from '../changes.js';
import type { NetworkSpec } from '../dataplane.js';
import { GROUPS } from '../interface-names.js';
import { isAbsent, isPortTaken, isVniTaken } from '../iproute2/iproute2.js';
import { untilGone } from '../kernel/until-gone.js';
import type { Tunnel } from './mode.js';
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
  await namespace.batch(linesOf(changes, 'clear'), { tolerate: isAbsent });
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
