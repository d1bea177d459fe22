/** A host with a docker_gwbridge, containers on it, and what is outside: all in namespaces, with Docker's NAT and its published port. */
import { LinuxDataplane } from '../../../src/dataplane/linux-dataplane.js';
import { Netns } from './netns.js';
import { Owned } from './owned.js';

export const OUTSIDE = { 4: ['192.0.2.1', '192.0.2.2'], 6: ['2001:db8::1', '2001:db8::2'] } as const;
export const PUBLISHED_PORT = 8080;

export interface GatewayContainer {
  readonly netns: Netns;
  readonly path: string;
  readonly address: string;
}

export class GatewayBridge implements AsyncDisposable {
  readonly #owned = new Owned();
  #containers = 0;

  private constructor(
    readonly host: Netns,
    readonly outside: Netns,
    readonly dataplane: LinuxDataplane,
    readonly device: string,
  ) {}

  static async create(device = 'docker_gwbridge'): Promise<GatewayBridge> {
    const host = await Netns.create('gw-host');
    const outside = await Netns.create('gw-out');
    const made = new GatewayBridge(host, outside, new LinuxDataplane({ hostNamespace: host.name }), device);
    made.#owned.addNetns(host);
    made.#owned.addNetns(outside);
    made.#owned.add(() => made.dataplane[Symbol.asyncDispose]());
    try {
      await made.#setUp();
      return made;
    } catch (error: unknown) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** One on the bridge, as Docker makes it: 172.18.0.2 and on, by ports veth2 and on. `last`: of its addresses, where it shall have others. */
  async container(last?: number): Promise<GatewayContainer> {
    const number = this.#containers++ + 2;
    const own = last ?? number;
    const netns = this.#owned.addNetns(await Netns.create(`gw-c${number}`));
    await this.host.ip(`link add veth${number} type veth peer name eth1 netns ${netns.name}`);
    await this.host.ip(`link set veth${number} master ${this.device} up`);
    const address = `172.18.0.${own}`;
    await netns.ip(`address add ${address}/16 dev eth1`);
    await netns.ip(`address add fd00:18::${own}/64 dev eth1 nodad`);
    await netns.ip('link set eth1 up');
    await netns.ip('route add default via 172.18.0.1');
    await netns.ip('-6 route add default via fd00:18::1');
    return { netns, path: `/run/netns/${netns.name}`, address };
  }

  /** The port of the host that leads to port 80 of the container. */
  async publish({ address }: GatewayContainer): Promise<void> {
    await this.#nft(
      'add chain ip docker published { type nat hook prerouting priority -100; }',
      `add rule ip docker published tcp dport ${PUBLISHED_PORT} fib daddr type local dnat to ${address}:80`,
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned[Symbol.asyncDispose]();
  }

  async #setUp(): Promise<void> {
    const { host, outside, device: bridge } = this;
    await host.ip(`link add ${bridge} type bridge`);
    await host.ip(`address add 172.18.0.1/16 dev ${bridge}`);
    await host.ip(`address add fd00:18::1/64 dev ${bridge} nodad`);
    await host.ip(`link set ${bridge} up`);
    await host.ip(`link add uplink type veth peer name eth0 netns ${outside.name}`);
    for (const [netns, device, last] of [
      [host, 'uplink', 254],
      [outside, 'eth0', 1],
    ] as const) {
      await netns.ip(`address add 192.0.2.${last}/24 dev ${device}`);
      await netns.ip(`address add 2001:db8::${last}/64 dev ${device} nodad`);
      await netns.ip(`link set ${device} up`);
    }
    await outside.ip('address add 192.0.2.2/24 dev eth0');
    await outside.ip('address add 2001:db8::2/64 dev eth0 nodad');
    for (const name of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'])
      await host.exec('sysctl', '-qw', `${name}=1`);
    await this.#nft(
      'add table ip docker',
      'add chain ip docker nat { type nat hook postrouting priority 100; }',
      'add rule ip docker nat ip saddr 172.18.0.0/16 oifname "uplink" masquerade',
      'add table ip6 docker',
      'add chain ip6 docker nat { type nat hook postrouting priority 100; }',
      'add rule ip6 docker nat ip6 saddr fd00:18::/64 oifname "uplink" masquerade',
    );
  }

  async #nft(...lines: string[]): Promise<void> {
    for (const line of lines) await this.host.exec('nft', line);
  }
}
