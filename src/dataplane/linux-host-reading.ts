/** As HostReading: by iproute2, nft, iptables and netlink. */
import { readFile } from 'node:fs/promises';
import { RulesetGeneration } from '../native/netfilter/netfilter.js';

import type { EndpointSpec } from './dataplane.js';
import { findDrops } from './firewalls/drops.js';
import { findOutwardDrops } from './firewalls/outward-drops.js';
import type {
  ForeignTunnel,
  GatewayBridge,
  HostPath,
  HostReading,
  HostRoute,
  OutwardSettings,
  PacketDrop,
} from './host-reading.js';
import { namespacePath } from './interface-names.js';
import type { Iproute2 } from './iproute2/iproute2.js';
import { findPaths, listRoutes } from './kernel/host-routes.js';
import type { Tunnel } from './overlay/layout.js';
import { listForeignTunnels, listMtus } from './overlay/network-namespace.js';
import { countForged, findUnheld } from './spoofing/read-sources.js';

export class LinuxHostReading implements HostReading, Disposable {
  #ruleset: RulesetGeneration | undefined;

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

  async readOutwardSettings(): Promise<OutwardSettings> {
    const text = await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8').catch(() => '');
    return { forwards: text.trim() !== '0', rules: this.#generation() };
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

  async countForged(networkId: string): Promise<ReadonlyMap<string, number>> {
    return countForged(networkId);
  }

  async findUnheld(networkId: string, endpoints: readonly EndpointSpec[]): Promise<readonly string[]> {
    return findUnheld(networkId, endpoints);
  }

  [Symbol.dispose](): void {
    this.#ruleset?.[Symbol.dispose]();
  }

  /** undefined: the kernel refuses it; then changes are not noticed. */
  #generation(): number | undefined {
    const path = this.hostNamespace === undefined ? undefined : namespacePath(this.hostNamespace);
    try {
      this.#ruleset ??= new RulesetGeneration(path);
      return this.#ruleset.read();
    } catch {
      return undefined;
    }
  }
}
