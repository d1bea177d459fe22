/**
 * WireGuard by the kernel, or by wireguard-go where the kernel has none. Whichever made a device, it goes on without the daemon. The
 * subnet of the tunnels' addresses has an unreachable route besides: without the device, packets to them leave by no other one.
 */
import { z } from 'zod';
import { sleep } from '../../concurrency/deadline.js';
import { errorMessage, isXnetError, XnetError } from '../../errors.js';
import { type ListedAddress, listAddresses } from '../../native/netlink/addresses.js';
import { type ListedLink, listLinks } from '../../native/netlink/links.js';
import type { Repair } from '../dataplane.js';
import { namespacePath } from '../interface-names.js';
import { Iproute2, isAbsent } from '../iproute2/iproute2.js';
import { closedRoute, deviceLines, isRight, routesOf } from './device-lines.js';
import { diffDevice } from './diff-device.js';
import {
  ENCRYPTION_DEVICES,
  type EncryptionDevice,
  type EncryptionTunnel,
  type PeerTraffic,
} from './encryption.js';
import { Wg } from './wg.js';

export interface LinuxEncryptionOptions {
  /** All addresses of tunnels, of all hosts: a prefix. */
  readonly subnet: string;
  /** As LinuxDataplaneOptions. */
  readonly hostNamespace?: string | undefined;
}

const routesSchema = z.array(
  z.object({
    dst: z.string(),
    from: z.string().optional(),
    dev: z.string().optional(),
    type: z.string().optional(),
  }),
);

/** wireguard-go answers some ms after it has gone into the background; on a busy machine later. */
const ANSWERS_MS = 5_000;
const AGAIN_MS = 20;

export class LinuxEncryption implements EncryptionDevice {
  readonly #subnet: string;
  readonly #path: string | undefined;
  readonly #iproute2: Iproute2;
  readonly #wg: Wg;
  /** Devices that were as wanted when they were last looked at. */
  #ensured: readonly EncryptionTunnel[] = [];

  constructor({ subnet, hostNamespace }: LinuxEncryptionOptions) {
    this.#subnet = subnet;
    this.#path = hostNamespace === undefined ? undefined : namespacePath(hostNamespace);
    this.#iproute2 = new Iproute2(hostNamespace);
    this.#wg = new Wg(hostNamespace);
  }

  async ensure(wanted: readonly EncryptionTunnel[]): Promise<readonly Repair[]> {
    const repairs: Repair[] = [];
    for (const tunnel of wanted) {
      const found = await this.#ensure(tunnel);
      const before = this.#ensured.find(({ device }) => device === tunnel.device);
      if (before) repairs.push(...found.filter(({ object }) => isSame(before, tunnel, object)));
    }
    const devices = wanted.map(({ device }) => device);
    await this.#removeDevices(ENCRYPTION_DEVICES.filter((device) => !devices.includes(device)));
    this.#ensured = wanted;
    return repairs;
  }

  async read(device: string): Promise<readonly PeerTraffic[]> {
    return (await this.#wg.show(device))?.peers ?? [];
  }

  async remove(): Promise<void> {
    this.#ensured = [];
    await this.#removeDevices(ENCRYPTION_DEVICES);
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

  async #ensure(tunnel: EncryptionTunnel): Promise<Repair[]> {
    const { device } = tunnel;
    const isNew = !(await this.#findLink(device));
    // Before there is a way for packets to the tunnels at all, there is one that drops them.
    if (isNew) await this.#iproute2.batch('ip', undefined, [`route replace ${closedRoute(this.#subnet)}`]);
    const observed = isNew ? await this.#make(device) : await this.#answering(device);
    const { words, repairs } = diffDevice(observed, tunnel, new Date());
    if (words.length > 0) await this.#wg.set(device, words, tunnel.privateKey);
    const isDressed = await this.#dress(tunnel);
    if (isNew) return [{ kind: 'encryption', object: device, was: 'missing' }];
    return isDressed ? [...repairs, { kind: 'encryption', object: device, was: 'altered' }] : [...repairs];
  }

  /** True: something was to be done. */
  async #dress(tunnel: EncryptionTunnel): Promise<boolean> {
    const [link, addresses, routes] = await Promise.all([
      this.#findLink(tunnel.device),
      listAddresses(this.#path),
      this.#listRoutes(),
    ]);
    const observed = { link, addresses: ofLink(addresses, link), routes };
    if (isRight(observed, tunnel, this.#subnet)) return false;
    await this.#iproute2.batch('ip', undefined, deviceLines(tunnel, this.#subnet));
    return true;
  }

  async #make(device: string) {
    try {
      await this.#iproute2.batch('ip', undefined, [`link add ${device} type wireguard`]);
    } catch (error: unknown) {
      if (!isXnetError(error, 'UNSUPPORTED')) throw error;
      await this.#startProgram(device);
    }
    return this.#answering(device);
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

  async #answering(device: string) {
    const until = performance.now() + ANSWERS_MS;
    for (;;) {
      const observed = await this.#wg.show(device);
      if (observed) return observed;
      if (performance.now() > until)
        throw new XnetError(
          'KERNEL',
          `the interface ${device} of this host does not answer as one of WireGuard; remove it with "ip link del ${device}", and xnet makes it again`,
        );
      await sleep(AGAIN_MS);
    }
  }

  async #findLink(device: string): Promise<ListedLink | undefined> {
    return (await listLinks(this.#path)).find(({ ifname }) => ifname === device);
  }

  #listRoutes() {
    return this.#iproute2.show(['-6', ...routesOf(this.#subnet)], routesSchema);
  }

  /** A wireguard-go ends when its device is gone. */
  async #removeDevices(devices: readonly string[]): Promise<void> {
    const names = new Set((await listLinks(this.#path)).map(({ ifname }) => ifname));
    const lines = devices.filter((device) => names.has(device)).map((device) => `link del ${device}`);
    if (lines.length > 0) await this.#iproute2.batch('ip', undefined, lines, { tolerate: isAbsent });
  }
}

function ofLink(addresses: readonly ListedAddress[], link: ListedLink | undefined): readonly string[] {
  return addresses.filter((each) => each.interface === link?.index).map(({ address }) => address);
}

/** What differs because something else is wanted now is nobody's doing. */
function isSame(before: EncryptionTunnel, now: EncryptionTunnel, object: string): boolean {
  if (object === now.device)
    return (['privateKey', 'port', 'vtep', 'mtu'] as const).every((key) => before[key] === now[key]);
  const [former, wanted] = [before, now].map(({ peers }) => peers.find((each) => each.publicKey === object));
  return JSON.stringify(former) === JSON.stringify(wanted);
}
