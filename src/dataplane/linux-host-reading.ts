/** As HostReading: by iproute2, nft, iptables and netlink. */

import { findDrops } from './firewalls/drops.js';
import { findOutwardDrops } from './firewalls/outward-drops.js';
import type {
  ForeignTunnel,
  GatewayBridge,
  HostPath,
  HostReading,
  HostRoute,
  PacketDrop,
} from './host-reading.js';
import type { Iproute2 } from './iproute2/iproute2.js';
import { findPaths, listRoutes } from './kernel/host-routes.js';
import type { Tunnel } from './overlay/layout.js';
import { listForeignTunnels, listMtus } from './overlay/network-namespace.js';

export class LinuxHostReading implements HostReading {
  constructor(
    private readonly iproute2: Iproute2,
    private readonly hostNamespace: string | undefined,
    /** UDP port of VXLAN. */
    private readonly port: number,
    private readonly tunnel: () => Promise<Tunnel>,
  ) {}

  findPacketDrops(own: string | undefined, peers: readonly string[]): Promise<readonly PacketDrop[]> {
    return findDrops(this.hostNamespace, { port: this.port, own, peers });
  }

  findOutwardDrops(bridges: readonly GatewayBridge[]): Promise<readonly PacketDrop[]> {
    return findOutwardDrops(this.hostNamespace, bridges);
  }

  listRoutes(): Promise<readonly HostRoute[]> {
    return listRoutes(this.iproute2);
  }

  async findPaths(addresses: readonly string[]): Promise<readonly HostPath[]> {
    const { vtep } = await this.tunnel();
    return findPaths(this.iproute2, vtep, addresses);
  }

  listForeignTunnels(): Promise<readonly ForeignTunnel[]> {
    return listForeignTunnels(this.hostNamespace);
  }

  listMtus(networkId: string | undefined): Promise<ReadonlyMap<string, number>> {
    return listMtus(networkId, this.hostNamespace);
  }
}
