/** Two hosts with a container each in one routed network, for data plane tests. */
import type { LocalEndpoint, NetworkSpec, Remotes } from '../../../src/dataplane/dataplane.js';
import { type Container, remoteOf, remotesOf, type TestHost, TestUnderlay } from './netns-hosts.js';

export type Way = 'direct' | 'tunnel';

export const ROUTED = { mode: { kind: 'routed' }, mtu: 1500 } as const satisfies Partial<NetworkSpec>;

/** Over IPv6 a tunnel does not carry more. */
export function routedOn({ vtep }: TestHost): Partial<NetworkSpec> {
  return { ...ROUTED, mtu: vtep.includes(':') ? 1430 : 1500 };
}

/** The MAC of the host on the underlay. */
export async function underlayMac({ netns }: TestHost): Promise<string> {
  const [link] = JSON.parse(await netns.ip('-j link show eth0')) as { address: string }[];
  return link!.address;
}

/** What a host needs to reach these containers. */
export async function remotesBy(way: Way, containers: readonly Container[]): Promise<Remotes> {
  const remotes = containers.map(async (container) => {
    const mac = await underlayMac(container.host);
    return { ...remoteOf(container), segmentMac: mac, ...(way === 'direct' && { direct: { mac } }) };
  });
  return remotesOf(await Promise.all(remotes));
}

/** Every host reaches the containers of the others, of its own network, in this way. */
export async function connectBy(way: Way, containers: readonly Container[]): Promise<void> {
  const places = new Map(containers.map((each) => [each.network.id, each]));
  for (const { host, network } of places.values()) {
    const others = containers.filter((each) => each.host !== host && each.network.vni === network.vni);
    await host.dataplane.setForwarding(network.id, await remotesBy(way, others));
  }
}

/** Packets that the network's table has dropped on the host because of their source. */
export async function forged({ host, network }: Container): Promise<number> {
  const text = await host.netns.exec('nft', 'list', 'counter', 'netdev', `xnet-${network.id}`, 'forged');
  return Number(/packets (\d+)/.exec(text)?.[1]);
}

/** As the agent knows it. */
export function localOf({ endpoint, addresses, netns }: Container): LocalEndpoint {
  const interfaceAddresses = addresses.map((each) => `${each}/${each.includes(':') ? 64 : 24}`);
  return { ...endpoint, interfaceAddresses, sandboxPath: `/run/netns/${netns.name}` };
}

export class RoutedPair implements AsyncDisposable {
  private constructor(
    readonly underlay: TestUnderlay,
    readonly a: TestHost,
    readonly b: TestHost,
    readonly first: Container,
    readonly second: Container,
  ) {}

  static async create(way: Way, options: { readonly family?: 4 | 6 } = {}): Promise<RoutedPair> {
    const underlay = await TestUnderlay.create(2, options);
    const [a, b] = underlay.hosts as [TestHost, TestHost];
    const addresses = (n: number) => [`10.1.0.${n}/24`, `fd01::${n}/64`];
    const first = await underlay.container(a, underlay.network(a, 'shop', routedOn(a)), addresses(2));
    const second = await underlay.container(b, underlay.network(b, 'shop', routedOn(b)), addresses(3));
    await connectBy(way, [first, second]);
    return new RoutedPair(underlay, a, b, first, second);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.underlay[Symbol.asyncDispose]();
  }
}
