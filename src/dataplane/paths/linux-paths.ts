/** The paths in the kernel of Linux: the namespace `xnet-paths`, a VXLAN device in it, and an entry for each peer. */
import { limitTo } from '../../concurrency/limit.js';
import { isXnetError, XnetError } from '../../errors.js';
import { listLinks } from '../../native/netlink/links.js';
import { listFdb, listNeighbours } from '../../native/netlink/neighbours.js';
import { NAMESPACES, namespacePath, PATHS_NAMESPACE, VXLAN } from '../interface-names.js';
import { Iproute2, isAbsent, isPresent, isVniTaken } from '../iproute2/iproute2.js';
import { inodeOfNamespace } from '../iproute2/standing-programs.js';
import { untilGone } from '../kernel/until-gone.js';
import type { Tunnel } from '../overlay/layout.js';
import { type Echoes, PATH_VNI, type PathDevice, type TakeArrival, type WantedPaths } from '../paths.js';
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
  readonly #namespace: string;
  /** Of the namespace that was there when `ensure` last looked. */
  #inode: number | undefined;
  /** They keep the namespace alive, and the VNI in it. */
  #tunnels: LinuxEchoes[] = [];

  constructor(private readonly options: LinuxPathsOptions) {
    this.#iproute2 = new Iproute2(options.hostNamespace);
    this.#namespace = options.namespace ?? PATHS_NAMESPACE;
  }

  get isThere(): boolean {
    return inodeOfNamespace(this.#namespace) === this.#inode;
  }

  ensure({ vtep, mtu: largest, peers }: WantedPaths): Promise<boolean> {
    return this.#limit(async () => {
      const mtu = deviceMtu(largest);
      const tunnel = { vtep, port: this.options.vxlanPort };
      await this.#ensureNamespace();
      const isMade = await this.#ensureDevice(mtu, tunnel);
      const wanted = entriesTo(peers);
      const observed = isMade ? { forwarding: NONE, neighbours: NONE } : await this.#readEntries();
      await Promise.all([
        this.#batch('bridge', forwardingLines(observed.forwarding, wanted)),
        this.#batch('ip', neighbourLines(observed.neighbours, wanted)),
      ]);
      const former = this.#inode;
      this.#inode = inodeOfNamespace(this.#namespace);
      return this.#inode !== former;
    });
  }

  remove(): Promise<void> {
    return this.#limit(async () => {
      this.#inode = undefined;
      this.#closeTunnels();
      await this.#iproute2.leave(this.#namespace);
      if (inodeOfNamespace(this.#namespace) === undefined) return;
      await this.#iproute2.run(['netns', 'del', this.#namespace], isAbsent);
    });
  }

  openTunnel(vtep: string, take: TakeArrival): Echoes {
    const echoes = new LinuxEchoes(namespacePath(this.#namespace), vtep, take);
    this.#tunnels = [...this.#tunnels.filter(({ isOpen }) => isOpen), echoes];
    return echoes;
  }

  openUnderlay(vtep: string, take: TakeArrival): Echoes {
    const { hostNamespace } = this.options;
    return new LinuxEchoes(hostNamespace && namespacePath(hostNamespace), vtep, take);
  }

  /** The kernel's state stays: it answers other hosts while no daemon runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#iproute2.close();
  }

  get #path(): string {
    return `${NAMESPACES}/${this.#namespace}`;
  }

  #closeTunnels(): void {
    for (const echoes of this.#tunnels.splice(0)) echoes[Symbol.dispose]();
  }

  async #ensureNamespace(): Promise<void> {
    if (this.#inode !== undefined && this.isThere) return;
    // What stands in a namespace without a name keeps that, and the VNI in it, alive.
    this.#closeTunnels();
    await this.#iproute2.leave(this.#namespace);
    // A name left in /run/netns that is no namespace (any more) would stay in the way.
    if (!(await this.#isNamespace())) await this.#iproute2.run(['netns', 'del', this.#namespace], isAbsent);
    await this.#iproute2.run(['netns', 'add', this.#namespace], isPresent);
  }

  /** True also when there is nothing of that name. */
  async #isNamespace(): Promise<boolean> {
    if (inodeOfNamespace(this.#namespace) === undefined) return true;
    return listLinks(this.#path).then(
      () => true,
      (error: unknown) => {
        if (isXnetError(error, 'NOT_FOUND')) return false;
        throw error;
      },
    );
  }

  /** True: the device was made, and has no entries. */
  async #ensureDevice(mtu: number, tunnel: Tunnel): Promise<boolean> {
    const link = (await listLinks(this.#path)).find(({ ifname }) => ifname === VXLAN);
    const isRight = link !== undefined && isDevice(link, tunnel);
    if (link && !isRight) await this.#batch('ip', [`link del ${VXLAN}`]);
    if (!isRight) await this.#addDevice(mtu, tunnel);
    await this.#batch('ip', setUpLines(mtu, tunnel.vtep));
    return !isRight;
  }

  /** A device of a namespace that is gone may linger, and have the VNI. */
  async #addDevice(mtu: number, tunnel: Tunnel): Promise<void> {
    const line = addDeviceLine(this.#namespace, mtu, tunnel);
    const taken = await untilGone(async () => {
      const [failure] = await this.#iproute2.batch('ip', undefined, [line], { tolerate: isVniTaken });
      return failure;
    });
    if (!taken) return;
    const message = `another VXLAN device of this host has VNI ${PATH_VNI}, by which xnet measures the paths to other hosts; find it with "ip -d link show type vxlan", also in each of "ip netns list", and give it another VNI`;
    throw new XnetError('IN_USE', message, { vni: PATH_VNI });
  }

  async #readEntries(): Promise<{ readonly forwarding: PathEntries; readonly neighbours: PathEntries }> {
    const [fdb, neighbours] = await Promise.all([listFdb(this.#path), listNeighbours(this.#path)]);
    const entries = (list: typeof fdb) =>
      new Map(
        list.flatMap(({ address, mac = '', state }) =>
          address !== undefined && state === 'permanent' ? [[address, mac] as const] : [],
        ),
      );
    return { forwarding: entries(fdb), neighbours: entries(neighbours) };
  }

  async #batch(program: 'ip' | 'bridge', lines: readonly string[]): Promise<void> {
    await this.#iproute2.batch(program, this.#namespace, lines, { tolerate: isAbsent });
  }
}
