/**
 * WireGuard by the kernel, or by wireguard-go where the kernel has none. Whichever made a device, it goes on without the daemon. The
 * subnet of the tunnels' addresses has an unreachable route besides: without the device, packets to them leave by no other one.
 */
import { RunningClock, sleep } from '../../concurrency/deadline.js';
import { errorMessage, isXnetError, XnetError } from '../../errors.js';
import { listInterfaceNames } from '../../native/interface-names.js';
import { type ListedAddress, listAddresses } from '../../native/netlink/addresses.js';
import { type ListedLink, listLinks } from '../../native/netlink/links.js';
import { listIpv6Routes } from '../../native/netlink/routes.js';
import type { Repair } from '../dataplane.js';
import { namespacePath } from '../interface-names.js';
import { type BatchFailure, Iproute2, isAbsent, isPortTaken } from '../iproute2/iproute2.js';
import { closedRoute, deviceLines, isRight, removalLines } from './device-lines.js';
import { diffDevice } from './diff-device.js';
import { drainDevice } from './drain-device.js';
import {
  ENCRYPTION_DEVICES,
  type EncryptionDevice,
  type EncryptionTunnel,
  type PeerTraffic,
} from './encryption.js';
import { isOfKernel, readDevice } from './read-device.js';
import { isInstalled, portTaken, Wg } from './wg.js';

export interface LinuxEncryptionOptions {
  /** All addresses of tunnels, of all hosts: a prefix. */
  readonly subnet: string;
  /** As LinuxDataplaneOptions. */
  readonly hostNamespace?: string | undefined;
}

/** wireguard-go answers some ms after it has gone into the background; on a busy machine later. */
const ANSWERS_MS = 5_000;
const AGAIN_MS = 20;
/** It greets as soon as it is up; where there is no way to any other host, never. */
const GREETS_MS = 1_000;

export class LinuxEncryption implements EncryptionDevice {
  readonly #subnet: string;
  readonly #namespace: string | undefined;
  readonly #path: string | undefined;
  readonly #iproute2: Iproute2;
  readonly #wg: Wg;
  /** Devices that were as wanted when they were last looked at. */
  #ensured: readonly EncryptionTunnel[] = [];

  constructor({ subnet, hostNamespace }: LinuxEncryptionOptions) {
    this.#subnet = subnet;
    this.#namespace = hostNamespace;
    this.#path = hostNamespace === undefined ? undefined : namespacePath(hostNamespace);
    this.#iproute2 = new Iproute2(hostNamespace);
    this.#wg = new Wg(hostNamespace);
  }

  async ensure(wanted: readonly EncryptionTunnel[]): Promise<readonly Repair[]> {
    const repairs: Repair[] = [];
    const links = await listLinks(this.#path);
    for (const tunnel of wanted) {
      const before = this.#ensured.find(({ device }) => device === tunnel.device);
      const found = await this.#ensure(tunnel, findLink(links, tunnel.device), before);
      if (before) repairs.push(...found.filter(({ object }) => isSame(before, tunnel, object)));
    }
    await this.#removeFormer(links, wanted);
    this.#ensured = wanted;
    return repairs;
  }

  isThere(devices: readonly string[]): boolean {
    const names = listInterfaceNames(this.#path);
    return devices.every((device) => names.includes(device));
  }

  async read(device: string): Promise<readonly PeerTraffic[]> {
    const link = findLink(await listLinks(this.#path), device);
    return link ? ((await readDevice(this.#namespace, link))?.peers ?? []) : [];
  }

  async missingPrograms(): Promise<readonly string[]> {
    const links = await listLinks(this.#path);
    const made = ENCRYPTION_DEVICES.flatMap((device) => findLink(links, device) ?? []);
    const needed = made.every(isOfKernel) ? ['wg'] : ['wg', 'wireguard-go'];
    const isThere = await Promise.all(needed.map(isInstalled));
    return needed.filter((_, index) => !isThere[index]);
  }

  async remove(): Promise<void> {
    this.#ensured = [];
    await this.#removeDevices(await listLinks(this.#path), ENCRYPTION_DEVICES);
    // Where IPv6 is off there is none, and the kernel says so in other words.
    const anything = () => true;
    await this.#iproute2.batch('ip', undefined, [`route del ${closedRoute(this.#subnet)}`], {
      tolerate: anything,
    });
  }

  /** The kernel's state stays, and wireguard-go goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#iproute2.close();
  }

  async #ensure(
    tunnel: EncryptionTunnel,
    found: ListedLink | undefined,
    before: EncryptionTunnel | undefined,
  ): Promise<readonly Repair[]> {
    if (!found) {
      await this.#begin(tunnel);
      return [{ kind: 'encryption', object: tunnel.device, was: 'missing' }];
    }
    const repairs = await this.#setUp(tunnel, found, before);
    const isDressed = await this.#dress(tunnel, found);
    return isDressed ? [...repairs, { kind: 'encryption', object: tunnel.device, was: 'altered' }] : repairs;
  }

  /**
   * The others may have keys for packets that the device before it had, and would find that it reads none only after 15 s of silence.
   * So it greets them: a device that is to keep NATs open does so when it is set up.
   */
  async #begin(tunnel: EncryptionTunnel): Promise<void> {
    const link = await this.#make(tunnel.device);
    const greeting = { ...tunnel, peers: tunnel.peers.map((peer) => ({ keepalive: 1, ...peer })) };
    await this.#setUp(greeting, link);
    await this.#dress(tunnel, link);
    using clock = new RunningClock();
    while (tunnel.peers.length > 0 && clock.ms < GREETS_MS) {
      const { peers } = await this.#answering(link);
      if (peers.every(({ sent }) => sent > 0)) break;
      await sleep(AGAIN_MS);
    }
    await this.#setUp(tunnel, link);
  }

  async #setUp(
    tunnel: EncryptionTunnel,
    link: ListedLink,
    before?: EncryptionTunnel,
  ): Promise<readonly Repair[]> {
    const { words, repairs } = diffDevice(await this.#answering(link), tunnel, new Date(), before);
    if (words.length > 0) await this.#wg.set(tunnel.device, words, tunnel.privateKey);
    return repairs;
  }

  /** True: something was to be done. */
  async #dress(tunnel: EncryptionTunnel, link: ListedLink): Promise<boolean> {
    const [addresses, routes] = await Promise.all([
      listAddresses(this.#path),
      listIpv6Routes(this.#path, [link.index]),
    ]);
    if (isRight({ link, addresses: ofLink(addresses, link), routes }, tunnel, this.#subnet)) return false;
    // The kernel's WireGuard takes its port when it is set up, and all lines behind that fail if it cannot.
    let isTaken = false;
    const tolerate = (line: BatchFailure) => {
      isTaken ||= isPortTaken(line);
      return isTaken;
    };
    await this.#iproute2.batch('ip', undefined, deviceLines(tunnel, this.#subnet), { tolerate });
    if (isTaken) throw portTaken(tunnel.device);
    return true;
  }

  async #make(device: string): Promise<ListedLink> {
    // Before there is a way for packets to the tunnels at all, there is one that drops them.
    await this.#iproute2.batch('ip', undefined, [`route replace ${closedRoute(this.#subnet)}`]);
    try {
      await this.#iproute2.batch('ip', undefined, [`link add ${device} type wireguard`]);
    } catch (error: unknown) {
      if (!isXnetError(error, 'UNSUPPORTED')) throw error;
      await this.#startProgram(device);
    }
    const link = findLink(await listLinks(this.#path), device);
    if (link) return link;
    throw new XnetError(
      'KERNEL',
      `the interface ${device} was gone as soon as it was made; it is tried again`,
    );
  }

  async #startProgram(device: string): Promise<void> {
    try {
      await this.#wg.startProgram(device);
    } catch (error: unknown) {
      throw new XnetError(
        'UNSUPPORTED',
        `this host cannot encrypt: its kernel has no WireGuard, and wireguard-go does not run (${errorMessage(error)}); install Debian's packages wireguard-go and wireguard-tools, and see that there is /dev/net/tun, or boot a kernel with WireGuard`,
        {},
        { cause: error },
      );
    }
  }

  async #answering(link: ListedLink) {
    const device = link.ifname;
    using clock = new RunningClock();
    for (;;) {
      const observed = await readDevice(this.#namespace, link);
      if (observed) return observed;
      if (clock.ms > ANSWERS_MS)
        throw new XnetError(
          'KERNEL',
          `the interface ${device} of this host does not answer as one of WireGuard; remove it with "ip link del ${device}", and xnet makes it again`,
        );
      await sleep(AGAIN_MS);
    }
  }

  /** What the kernel has cached of ways by such a device goes with its route; packets that wireguard-go has by then pass. */
  async #removeFormer(links: readonly ListedLink[], wanted: readonly EncryptionTunnel[]): Promise<void> {
    const former = ENCRYPTION_DEVICES.flatMap((device) => {
      const isWanted = wanted.some((tunnel) => tunnel.device === device);
      return isWanted ? [] : (findLink(links, device) ?? []);
    });
    if (former.length === 0) return;
    const routes = await listIpv6Routes(
      this.#path,
      former.map(({ index }) => index),
    );
    const lines = former.flatMap(({ ifname, index }) => removalLines(routes, index, ifname, this.#subnet));
    await this.#iproute2.batch('ip', undefined, lines, { tolerate: isAbsent });
    await Promise.all(former.map((link) => drainDevice(this.#namespace, link)));
    await this.#removeDevices(
      links,
      former.map(({ ifname }) => ifname),
    );
  }

  /** A wireguard-go ends when its device is gone. */
  async #removeDevices(links: readonly ListedLink[], devices: readonly string[]): Promise<void> {
    const lines = devices.filter((device) => findLink(links, device)).map((device) => `link del ${device}`);
    if (lines.length > 0) await this.#iproute2.batch('ip', undefined, lines, { tolerate: isAbsent });
  }
}

function findLink(links: readonly ListedLink[], device: string): ListedLink | undefined {
  return links.find(({ ifname }) => ifname === device);
}

function ofLink(addresses: readonly ListedAddress[], link: ListedLink): readonly string[] {
  return addresses.filter((each) => each.interface === link.index).map(({ address }) => address);
}

/** What differs because something else is wanted now is nobody's doing. */
function isSame(before: EncryptionTunnel, now: EncryptionTunnel, object: string): boolean {
  if (object === now.device)
    return (['privateKey', 'port', 'vtep', 'mtu'] as const).every((key) => before[key] === now[key]);
  const [former, wanted] = [before, now].map(({ peers }) => peers.find((each) => each.publicKey === object));
  return JSON.stringify(former) === JSON.stringify(wanted);
}
