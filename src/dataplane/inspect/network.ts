import { listLinks } from '../../native/netlink/links.js';
import { readForwarding } from '../forwarding/read-forwarding.js';
import type { DeviceFacts, EndpointToInspect, NetworkFacts } from '../inspection.js';
import { BRIDGE, interfaceName, namespaceName, namespacePath, VXLAN } from '../interface-names.js';

/** As Inspection.network. */
export async function inspectNetwork({
  networkId,
  endpointId,
  mac,
  other,
}: EndpointToInspect): Promise<NetworkFacts> {
  const namespace = namespaceName(networkId);
  const [links, { remotes, ports, neighbours }] = await Promise.all([
    listLinks(namespacePath(namespace)),
    readForwarding(namespace),
  ]);
  const portName = interfaceName(endpointId);
  const devices = new Map(links.map((link) => [link.ifname, deviceOf(link)]));
  const [bridge, tunnel, port] = [BRIDGE, VXLAN, portName].map((name) => devices.get(name));
  const ownEntry = ports.get(mac);
  const entry = remotes.get(other.mac);
  const found = other.addresses.flatMap((address) => {
    const neighbour = neighbours.get(address);
    return neighbour === undefined ? [] : [[address, neighbour] as const];
  });
  return {
    ...{ namespace, portName },
    ...(bridge && { bridge }),
    ...(tunnel && { tunnel }),
    ...(port && { port }),
    ...(ownEntry !== undefined && { ownEntry }),
    vteps: [...(entry?.vteps ?? [])],
    isBridged: entry?.bridged ?? false,
    neighbours: Object.fromEntries(found),
  };
}

export function deviceOf({
  ifname: name,
  flags,
  mtu,
  master,
  linkinfo,
}: Awaited<ReturnType<typeof listLinks>>[number]): DeviceFacts {
  const { id, port, local, local6 } = (linkinfo?.info_data ?? {}) as Readonly<Record<string, never>>;
  const vtep = local ?? local6;
  return {
    ...{ name, mtu, isUp: flags.includes('UP') },
    ...(master !== undefined && { master }),
    ...(id !== undefined && { vni: id }),
    ...(port !== undefined && { port }),
    ...(vtep !== undefined && { vtep }),
  };
}
