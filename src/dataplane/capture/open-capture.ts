/**
 * src/dataplane/capture: packets at the points that a network's packets pass: its ports, its VXLAN device, and the underlay.
 * Not in here: which points, on which hosts, and for how long.
 */
import { isIPv6 } from 'node:net';
import { XnetError } from '../../errors.js';
import { MOST_SNAP_BYTES } from '../../native/packets/packet-filter.js';
import { ETHERNET_BYTES, PacketSocket, type PacketSource } from '../../native/packets/packet-socket.js';
import type { Capture, CapturedPacket, CaptureWish, LanPoint, Underlay } from '../dataplane.js';
import { interfaceName, namespaceName, namespacePath, VXLAN } from '../interface-names.js';
import { readInterfaces } from '../iproute2/read-namespace.js';
import { outerEndName, tunnelName } from '../routed/routed-names.js';
import { framesOf, tunnelBytes, tunnelPacketsOf } from './packet-programs.js';

export interface CaptureHost {
  /** Of /run/netns; undefined: the one this process is in. */
  readonly hostNamespace: string | undefined;
  readonly underlay: Underlay;
  readonly vxlanPort: number;
  /** Whether the network has its devices in the host's namespace, as a routed one. */
  readonly isInHostNamespace: (networkId: string) => boolean;
}

/** As Dataplane.capture. */
export async function openCapture(
  host: CaptureHost,
  wish: CaptureWish,
  onPackets: (packets: readonly CapturedPacket[]) => void,
): Promise<Capture> {
  const source = await sourceOf(host, wish);
  const socket: PacketSocket = new PacketSocket(source, (packets) =>
    onPackets(socket.linkHeaderBytes === ETHERNET_BYTES ? packets : packets.map(withLinkHeader)),
  );
  return {
    interfaceName: source.interfaceName,
    get dropped() {
      return socket.dropped;
    },
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}

async function sourceOf(host: CaptureHost, wish: CaptureWish): Promise<PacketSource> {
  const { network, at, mac, filter, snapBytes, bufferBytes } = wish;
  const frames = framesOf(mac, filter);
  const given = { snapBytes, bufferBytes };
  if (typeof at === 'object' && 'interface' in at)
    return { ...given, namespacePath: hostPath(host), interfaceName: at.interface, filter: frames };
  if (typeof at === 'object' && 'address' in at)
    return { ...given, namespacePath: at.sandboxPath, interfaceName: await nameOf(at), filter: frames };
  if (host.isInHostNamespace(network.id))
    return { ...given, ...pointInHost(wish), namespacePath: hostPath(host), filter: frames };
  if (at !== 'underlay') {
    const name = at === 'vxlan' ? VXLAN : interfaceName(at.endpointId);
    const path = namespacePath(namespaceName(network.id));
    return { ...given, namespacePath: path, interfaceName: name, filter: frames };
  }
  const { underlay, vxlanPort } = host;
  const isIpv6 = isIPv6(underlay.vtep);
  return {
    namespacePath: hostPath(host),
    interfaceName: underlay.interface,
    filter: (linkHeaderBytes) =>
      tunnelPacketsOf({ vni: network.vni, port: vxlanPort, isIpv6, linkHeaderBytes }, frames),
    bufferBytes,
    snapBytes: Math.min(
      snapBytes + tunnelBytes({ isIpv6, linkHeaderBytes: ETHERNET_BYTES }),
      MOST_SNAP_BYTES,
    ),
  };
}

async function nameOf({ sandboxPath, address }: Extract<LanPoint, { address: string }>): Promise<string> {
  const interfaces = await readInterfaces(sandboxPath);
  const found = interfaces.find(({ addresses }) => addresses.some((each) => each.startsWith(`${address}/`)));
  if (found) return found.name;
  throw new XnetError('NOT_FOUND', `no interface in the container has the address ${address}`);
}

/** Outside of its ports a routed network's frames have the MACs of hosts, and on the underlay nothing else marks them. */
function pointInHost({ network: { id }, at, mac }: CaptureWish): { readonly interfaceName: string } {
  if (typeof at === 'object' && 'endpointId' in at) return { interfaceName: outerEndName(at.endpointId) };
  if (at === 'vxlan' && mac === undefined) return { interfaceName: tunnelName(id) };
  const what = at === 'vxlan' ? 'one container there' : 'the underlay';
  throw new XnetError(
    'UNSUPPORTED',
    `packets of a routed network have the MACs of hosts between hosts, which do not identify ${what}; tcpdump shows them by their addresses`,
  );
}

function hostPath({ hostNamespace }: CaptureHost): string | undefined {
  return hostNamespace === undefined ? undefined : namespacePath(hostNamespace);
}

/** All points give Ethernet frames: where there is no link header (WireGuard, tun), one without MACs is put in front. */
function withLinkHeader(packet: CapturedPacket): CapturedPacket {
  const header = Buffer.alloc(ETHERNET_BYTES);
  const isIpv6 = (packet.bytes[0] ?? 0) >> 4 === 6;
  header.writeUInt16BE(isIpv6 ? 0x86dd : 0x0800, ETHERNET_BYTES - 2);
  return {
    ...packet,
    length: packet.length + ETHERNET_BYTES,
    bytes: Buffer.concat([header, packet.bytes]),
  };
}
