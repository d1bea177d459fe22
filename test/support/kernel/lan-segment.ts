/**
 * A LAN for data plane tests: a switch, a gateway with a house behind it, a stranger that is no host of xnet's, and hosts with an
 * interface eth1 on the switch and a LinuxDataplane each. Containers are plain namespaces that get their interface as libnetwork
 * gives it.
 */
import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { LocalEndpoint, NetworkSpec } from '../../../src/dataplane/dataplane.js';
import { LinuxDataplane } from '../../../src/dataplane/linux-dataplane.js';
import type { LanSpec } from '../../../src/dataplane/modes.js';
import { IpAddress } from '../../../src/inet/ip-address.js';
import { macFor } from '../../../src/inet/mac-address.js';
import { willMakeNamespace } from '../runs/made.js';
import { Netns } from './netns.js';
import { Owned } from './owned.js';

export interface LanTestHost {
  readonly netns: Netns;
  /** Of its eth1. */
  readonly addresses: readonly string[];
  dataplane: LinuxDataplane;
}

export interface LanContainer {
  readonly netns: Netns;
  readonly host: LanTestHost;
  readonly network: NetworkSpec;
  readonly endpoint: LocalEndpoint;
  /** Plain addresses. */
  readonly addresses: readonly string[];
}

/** On the LAN, with these as last parts of its addresses. */
const GATEWAY = 1;
const STRANGER = 200;

export const GATEWAYS = [`10.5.0.${GATEWAY}`, `fd05::${GATEWAY}`];
export const STRANGER_ADDRESSES = [`10.5.0.${STRANGER}`, `fd05::${STRANGER}`];
/** Behind the gateway. */
export const OUTSIDE = ['10.77.0.1', 'fd77::1'];

export class LanSegment implements AsyncDisposable {
  readonly hosts: LanTestHost[] = [];
  /** What to undo, in reverse order. */
  readonly #owned = new Owned();

  private constructor(
    readonly wire: Netns,
    readonly gateway: Netns,
    readonly stranger: Netns,
  ) {}

  static async create(hosts: number): Promise<LanSegment> {
    const [wire, gateway, stranger] = [
      await Netns.create('wire'),
      await Netns.create('gateway'),
      await Netns.create('stranger'),
    ];
    const segment = new LanSegment(wire, gateway, stranger);
    for (const netns of [wire, gateway, stranger]) segment.#owned.addNetns(netns);
    await wire.ip('link add wire type bridge mcast_snooping 0');
    await wire.ip('link set wire addrgenmode none up');
    await segment.plug(gateway, GATEWAY);
    await segment.plug(stranger, STRANGER);
    for (const address of OUTSIDE)
      await addAddress(gateway, `${address}/${isIPv6(address) ? 128 : 32}`, 'lo');
    for (let number = 11; number < 11 + hosts; number++) {
      const netns = segment.#owned.addNetns(await Netns.create(`host${number}`));
      const addresses = await segment.plug(netns, number);
      const host = { netns, addresses, dataplane: new LinuxDataplane({ hostNamespace: netns.name }) };
      segment.#owned.add(() => host.dataplane[Symbol.asyncDispose]());
      segment.hosts.push(host);
    }
    return segment;
  }

  /** Gives it an eth1 on the switch, with addresses that end with `number`. Resolves to these. */
  async plug(netns: Netns, number: number): Promise<string[]> {
    const port = `p${number}`;
    await netns.ip(`link add eth1 type veth peer name ${port} netns ${this.wire.name}`);
    await this.wire.ip(`link set ${port} master wire up`);
    const addresses = [`10.5.0.${number}`, `fd05::${number}`];
    for (const address of addresses)
      await addAddress(netns, `${address}/${isIPv6(address) ? 64 : 24}`, 'eth1');
    await netns.ip('link set eth1 up');
    return addresses;
  }

  /** As in TestUnderlay.network: another id on each host. */
  network(host: LanTestHost, label: string, mode: LanSpec, mtu = 65_535): NetworkSpec {
    const key = `${host.netns.name} ${label}`;
    const id = this.#owned.networkIds.get(key) ?? randomBytes(6).toString('hex');
    if (!this.#owned.networkIds.has(key)) {
      this.#owned.networkIds.set(key, id);
      willMakeNamespace(`xnet-${id}`);
      this.#owned.add(() => host.dataplane.removeNetwork(id, mode));
    }
    return { id, vni: 1, mtu, multicast: true, mode };
  }

  /** Attaches a container with `addresses` (with prefix length), as Docker would. */
  async container(
    host: LanTestHost,
    network: NetworkSpec,
    addresses: readonly string[],
  ): Promise<LanContainer> {
    const netns = this.#owned.addNetns(await Netns.create('c'));
    const plain = addresses.map((address) => address.split('/')[0] as string);
    const endpoint = {
      id: randomBytes(32).toString('hex'),
      mac: macFor(network.id, IpAddress.parse(plain[0] as string)),
      addresses: plain,
      interfaceAddresses: addresses,
      sandboxPath: `/run/netns/${netns.name}`,
    };
    const { interfaceName } = await host.dataplane.ensureEndpoint(network, endpoint);
    await host.netns.ip(`link set ${interfaceName} netns ${netns.name} name eth0`);
    for (const address of addresses) await addAddress(netns, address, 'eth0');
    await netns.ip('link set eth0 up');
    const mode = network.mode as LanSpec;
    for (const gateway of mode.gateways) {
      if (!plain.some((address) => isIPv6(address) === isIPv6(gateway))) continue;
      await netns.ip(`route add ${isIPv6(gateway) ? '::/0' : '0.0.0.0/0'} via ${gateway} dev eth0`);
    }
    return { netns, host, network, endpoint, addresses: plain };
  }

  /** As Docker does it: the interface is moved back, and then the endpoint is deleted. */
  async leave({ netns, host, network, endpoint }: LanContainer): Promise<void> {
    const name = `xc${endpoint.id.slice(0, 12)}`;
    await netns.ip('link set eth0 down');
    await netns.ip(`link set eth0 netns ${host.netns.name} name ${name}`);
    await host.dataplane.removeEndpoint(network.id, endpoint.id, network.mode);
  }

  /** A daemon that is started again knows nothing of what the one before did. */
  async restart(host: LanTestHost): Promise<void> {
    await host.dataplane[Symbol.asyncDispose]();
    host.dataplane = new LinuxDataplane({ hostNamespace: host.netns.name });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned[Symbol.asyncDispose]();
  }
}

async function addAddress(netns: Netns, address: string, device: string): Promise<void> {
  await netns.ip(`addr add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`);
}
