/**
 * Hosts for data plane tests: each a namespace with one leg on a shared bridge (the underlay) and a
 * LinuxDataplane of its own; containers are plain namespaces that get their interface as libnetwork gives it.
 */
import { randomBytes } from 'node:crypto';
import type { EndpointSpec, NetworkSpec, RemoteEndpoint } from '../../../src/dataplane/dataplane.js';
import { LinuxDataplane } from '../../../src/dataplane/linux-dataplane.js';
import { IpAddress } from '../../../src/inet/ip-address.js';
import { macFor } from '../../../src/inet/mac-address.js';
import { willMakeNamespace } from '../runs/made.js';
import { eventually } from '../time/eventually.js';
import { Netns } from './netns.js';
import { Owned } from './owned.js';

export interface TestHost {
  readonly netns: Netns;
  readonly dataplane: LinuxDataplane;
  readonly vtep: string;
}

export interface Container {
  readonly netns: Netns;
  readonly host: TestHost;
  readonly network: NetworkSpec;
  readonly endpoint: EndpointSpec;
  /** Plain addresses. */
  readonly addresses: readonly string[];
}

export interface UnderlayOptions {
  readonly family?: 4 | 6;
  readonly mtu?: number;
  readonly vxlanPort?: number;
}

const SUBNET = { 4: '10.99.0.', 6: 'fd99::' } as const;

/** Some hosts on one underlay. Disposing it checks that no device of ours outlived the networks. */
export class TestUnderlay implements AsyncDisposable {
  readonly hosts: TestHost[] = [];
  /** What to undo, in reverse order. */
  readonly #owned = new Owned();
  #containers = 0;

  private constructor(
    readonly wire: Netns,
    private readonly options: UnderlayOptions,
  ) {}

  static async create(hosts: number, options: UnderlayOptions = {}): Promise<TestUnderlay> {
    const wire = await Netns.create('wire');
    await wire.ip('link add wire type bridge mcast_snooping 0');
    await wire.ip('link set wire addrgenmode none mtu 9000 up');
    const underlay = new TestUnderlay(wire, options);
    underlay.#owned.addNetns(wire);
    for (let i = 0; i < hosts; i++) await underlay.addHost();
    return underlay;
  }

  async addHost(): Promise<TestHost> {
    const number = this.hosts.length + 1;
    const family = this.options.family ?? 4;
    const netns = this.#owned.addNetns(await Netns.create(`host${number}`));
    const vtep = `${SUBNET[family]}${number}`;
    const mtu = this.options.mtu ?? 1500;
    await netns.ip(
      `link add eth0 mtu ${mtu} type veth peer name h${number} mtu ${mtu} netns ${this.wire.name}`,
    );
    await this.wire.ip(`link set h${number} master wire up`);
    await netns.ip(`addr add ${vtep}/${family === 4 ? 24 : 64} dev eth0${family === 6 ? ' nodad' : ''}`);
    await netns.ip('link set eth0 up');
    await netns.ip(`${family === 4 ? '' : '-6 '}route add default via ${SUBNET[family]}254`.trim());
    const port = this.options.vxlanPort === undefined ? {} : { vxlanPort: this.options.vxlanPort };
    const dataplane = new LinuxDataplane({ hostNamespace: netns.name, ...port });
    this.#owned.add(() => dataplane[Symbol.asyncDispose]());
    const host = { netns, dataplane, vtep };
    this.hosts.push(host);
    // The kernel tells a bridge of a port's carrier some time later, under load a second or more.
    for (const other of this.hosts) await netns.exec('ping', '-n', '-c', '1', '-w', '10', other.vtep);
    return host;
  }

  /**
   * The spec of the network `label` on `host`. Network namespaces of all hosts share /run/netns here, so a
   * network has another id, but the same VNI, on each host.
   */
  network(host: TestHost, label: string, options: Partial<NetworkSpec> = {}): NetworkSpec {
    const key = `${host.netns.name} ${label}`;
    let id = this.#owned.networkIds.get(key);
    if (!id) {
      id = randomBytes(6).toString('hex');
      this.#owned.networkIds.set(key, id);
      const networkId = id;
      willMakeNamespace(`xnet-${id}`);
      this.#owned.add(() => host.dataplane.removeNetwork(networkId));
    }
    const overhead = (this.options.family ?? 4) === 4 ? 50 : 70;
    const vni = 1048576 + [...label].reduce((sum, letter) => sum * 7 + letter.charCodeAt(0), 0);
    return { id, vni, mtu: (this.options.mtu ?? 1500) - overhead, multicast: true, ...options };
  }

  /** Attaches a container with `addresses` (with prefix length) to the network, as Docker would. */
  async container(host: TestHost, network: NetworkSpec, addresses: readonly string[]): Promise<Container> {
    const netns = this.#owned.addNetns(await Netns.create(`c${++this.#containers}`));
    const plain = addresses.map((address) => address.split('/')[0] as string);
    const endpoint = {
      id: randomBytes(32).toString('hex'),
      mac: macFor('0123456789ab', IpAddress.parse(plain[0] as string)),
      addresses: plain,
    };
    const { interfaceName } = await host.dataplane.ensureEndpoint(network, endpoint);
    await host.netns.ip(`link set ${interfaceName} netns ${netns.name} name eth0`);
    for (const address of addresses) {
      await netns.ip(`addr add ${address} dev eth0${address.includes(':') ? ' nodad' : ''}`);
    }
    await netns.ip('link set eth0 up');
    const container = { netns, host, network, endpoint, addresses: plain };
    if (network.mode?.kind === 'routed') return container;
    const port = () => Netns.of(`xnet-${network.id}`).bridge(`link show dev ${interfaceName}`);
    await eventually(
      `${interfaceName} forwards`,
      async () => (await port()).includes('state forwarding'),
      10_000,
    );
    return container;
  }

  /** Tells every host of the containers on the others, as the agent would. */
  async connect(containers: readonly Container[]): Promise<void> {
    const places = new Map(containers.map((container) => [container.network.id, container]));
    for (const { host, network } of places.values()) {
      const remotes = containers
        .filter((other) => other.host !== host && other.network.vni === network.vni)
        .map(remoteOf);
      await host.dataplane.setForwarding(network.id, remotesOf(remotes));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned[Symbol.asyncDispose]();
  }
}

/** As if created in this order. */
export function remotesOf(remotes: readonly Remote[]): Map<string, RemoteEndpoint> {
  return new Map(remotes.map((remote, since) => [`endpoint ${since}`, { ...remote, since }]));
}

export type Remote = Omit<RemoteEndpoint, 'since'>;

export function remoteOf(container: Container): Remote {
  const { endpoint, addresses, host } = container;
  return { mac: endpoint.mac, addresses, vtep: host.vtep };
}
