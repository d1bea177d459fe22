/** The paths in the kernel of Linux: the namespace `xnet-paths`, a VXLAN device in it, and an entry for each peer. */
import { limitTo } from '../../concurrency/limit.js';
import { XnetError } from '../../errors.js';
import { listLinks } from '../../native/netlink/links.js';
import { listFdb, listNeighbours } from '../../native/netlink/neighbours.js';
import { namespacePath, PATHS_NAMESPACE, VXLAN } from '../interface-names.js';
import { Iproute2, isAbsent, isVniTaken } from '../iproute2/iproute2.js';
import { untilGone } from '../kernel/until-gone.js';
import type { Tunnel } from '../overlay/layout.js';
import { type Echoes, PATH_VNI, type PathDevice, type TakeArrival, type WantedPaths } from '../paths.js';
import { EchoNamespace } from './echo-namespace.js';
import { LinuxEchoes } from './linux-echoes.js';
import {
  addDeviceLine,
  deviceMtu,
  entriesTo,
  forwardingLines,
  isDevice,
  neighbourLines,
  type PathEntries,
  setUpLines,
} from './path-entries.js';

export interface LinuxPathsOptions {
  /** UDP port of VXLAN. */
  readonly vxlanPort: number;
  /** The network namespace of /run/netns that is "the host". Default: the one this process is in. */
  readonly hostNamespace?: string;
  /** Of /run/netns. Default: `xnet-paths`. */
  readonly namespace?: string;
}

const NONE: PathEntries = new Map();

export class LinuxPaths implements PathDevice {
  readonly #iproute2: Iproute2;
  readonly #limit = limitTo(1);
  readonly #namespace: EchoNamespace;

  constructor(private readonly options: LinuxPathsOptions) {
    this.#iproute2 = new Iproute2(options.hostNamespace);
    this.#namespace = new EchoNamespace(this.#iproute2, options.namespace ?? PATHS_NAMESPACE);
  }

  get isThere(): boolean {
    return this.#namespace.isThere;
  }

  ensure({ vtep, mtu: largest, peers }: WantedPaths): Promise<boolean> {
    return this.#limit(async () => {
      const mtu = deviceMtu(largest);
      const tunnel = { vtep, port: this.options.vxlanPort };
      await this.#namespace.ensure();
      const isMade = await this.#ensureDevice(mtu, tunnel);
      const wanted = entriesTo(peers);
      const observed = isMade ? { forwarding: NONE, neighbours: NONE } : await this.#readEntries();
      await Promise.all([
        this.#batch('bridge', forwardingLines(observed.forwarding, wanted)),
        this.#batch('ip', neighbourLines(observed.neighbours, wanted)),
      ]);
      return this.#namespace.noteInode();
    });
  }

  remove(): Promise<void> {
    return this.#limit(() => this.#namespace.remove());
  }

  openTunnel(vtep: string, take: TakeArrival): Echoes {
    return this.#namespace.open(vtep, take);
  }

  openUnderlay(vtep: string, take: TakeArrival): Echoes {
    const { hostNamespace } = this.options;
    return new LinuxEchoes(hostNamespace && namespacePath(hostNamespace), vtep, take);
  }

  /** The kernel's state stays: it answers other hosts while no daemon runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#iproute2.close();
  }

  /** True: the device was made, and has no entries. */
  async #ensureDevice(mtu: number, tunnel: Tunnel): Promise<boolean> {
    const link = (await listLinks(this.#namespace.path)).find(({ ifname }) => ifname === VXLAN);
    const isRight = link !== undefined && isDevice(link, tunnel);
    if (link && !isRight) await this.#batch('ip', [`link del ${VXLAN}`]);
    if (!isRight) await this.#addDevice(mtu, tunnel);
    await this.#batch('ip', setUpLines(mtu, tunnel.vtep));
    return !isRight;
  }

  /** A device of a namespace that is gone may linger, and have the VNI. */
  async #addDevice(mtu: number, tunnel: Tunnel): Promise<void> {
    const line = addDeviceLine(this.#namespace.name, mtu, tunnel);
    const taken = await untilGone(async () => {
      const [failure] = await this.#iproute2.batch('ip', undefined, [line], { tolerate: isVniTaken });
      return failure;
    });
    if (!taken) return;
    const message = `another VXLAN device of this host has VNI ${PATH_VNI}, by which xnet measures the paths to other hosts; find it with "ip -d link show type vxlan", also in each of "ip netns list", and give it another VNI`;
    throw new XnetError('IN_USE', message, { vni: PATH_VNI });
  }

  async #readEntries(): Promise<{ readonly forwarding: PathEntries; readonly neighbours: PathEntries }> {
    const [fdb, neighbours] = await Promise.all([
      listFdb(this.#namespace.path),
      listNeighbours(this.#namespace.path),
    ]);
    const entries = (list: typeof fdb) =>
      new Map(
        list.flatMap(({ address, mac = '', state }) =>
          address !== undefined && state === 'permanent' ? [[address, mac] as const] : [],
        ),
      );
    return { forwarding: entries(fdb), neighbours: entries(neighbours) };
  }

  async #batch(program: 'ip' | 'bridge', lines: readonly string[]): Promise<void> {
    await this.#iproute2.batch(program, this.#namespace.name, lines, { tolerate: isAbsent });
  }
}
