import { subnetsOf } from '../../driver/networks/network-plan.js';
import { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
import { PrefixSet } from '../../inet/prefix-set.js';
import type { NetworkRecord } from '../../model/network.js';
import type { View } from '../../replica/view.js';
import type { HostsView } from '../hosts/hosts-view.js';

/**
 * The VTEPs of hosts, and the addresses of their docker_gwbridge and of the networks of the cluster; the other addresses of a host its
 * own kernel keeps from its containers (src/dataplane/egress/egress-layout.ts). Each name that a closed container asks for is
 * compared with them, and the subnets may be thousands: they are read once, until one of them changes.
 */
export class OwnAddresses {
  #networks: { readonly records: readonly NetworkRecord[]; readonly subnets: PrefixSet } | undefined;
  #hosts: { readonly vteps: ReadonlySet<string>; readonly gateways: PrefixSet } | undefined;

  constructor(
    private readonly hosts: Pick<HostsView, 'list' | 'gatewaySubnets' | 'onChange'>,
    private readonly networks: Pick<View<NetworkRecord>, 'records'>,
  ) {
    hosts.onChange(() => {
      this.#hosts = undefined;
    });
  }

  /** `text`: in canonical form. */
  has(text: string): boolean {
    this.#hosts ??= this.#readHosts();
    const address = IpAddress.parse(text);
    const { vteps, gateways } = this.#hosts;
    return vteps.has(text) || gateways.contains(address) || this.#subnets().contains(address);
  }

  #readHosts() {
    const vteps = new Set(this.hosts.list().map(({ host }) => host.vtep));
    const subnets = this.hosts.gatewaySubnets().map(({ subnet }) => Prefix.parse(subnet));
    return { vteps, gateways: new PrefixSet(subnets) };
  }

  #subnets(): PrefixSet {
    const { records } = this.networks;
    if (this.#networks?.records !== records)
      this.#networks = { records, subnets: new PrefixSet(records.flatMap(subnetsOf)) };
    return this.#networks.subnets;
  }
}
