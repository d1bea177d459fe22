import { isXnetError } from '../../errors.js';
import { type ListedLink, listLinks } from '../../native/netlink/links.js';
import { linesOf, repairsOf } from '../changes.js';
import type {
  EndpointSpec,
  ForwardingChange,
  LocalEndpoint,
  NetworkCheck,
  NetworkSpec,
  Remotes,
  Repair,
  Underlay,
} from '../dataplane.js';
import { type Iproute2, isAbsent } from '../iproute2/iproute2.js';
import type { HostNamespace } from '../kernel/host-namespace.js';
import type { KernelNetwork } from '../kernel-network.js';
import type { Tunnel } from '../overlay/layout.js';
import { SandboxNames } from '../sandbox/sandbox-interface.js';
import { portAddition } from './add-ports.js';
import { DeviceWork } from './device-work.js';
import { attachPorts, detachPorts } from './port-changes.js';
import { repairDevices, repairTable } from './repair-routed.js';
import { isOfNetwork, pairChange, tunnelChange, widenEnds } from './routed-devices.js';
import { RoutedForwarding } from './routed-forwarding.js';
import { groundOf, readTunnelEntries } from './routed-host.js';
import { outerEndName, outerEndOf, tableName } from './routed-names.js';
import { type NftHost, RoutedTable } from './routed-table.js';
import {
  checkedAddress,
  type Ground,
  type Port,
  portElements,
  portLines,
  tableLines,
} from './table-layout.js';

/** What a routed network needs of its host. */
export interface RoutedHost extends NftHost {
  readonly iproute2: Iproute2;
  readonly namespace: HostNamespace;
  readonly tunnel: () => Promise<Tunnel>;
  readonly underlay: () => Promise<Underlay>;
}

/**
 * A network without a bridge: each endpoint has a veth pair whose outer end is in the host's namespace, and an nft table sends its
 * packets on (table-layout.ts). Those to endpoints of other hosts leave as they are, or by a VXLAN device of the network.
 * What was done last is remembered rather than observed, and forgotten whenever it may no longer be true.
 */
export class RoutedNetwork implements KernelNetwork {
  readonly isInHostNamespace = true;
  readonly #table: RoutedTable;
  readonly #devices: DeviceWork;
  readonly #forwarding: RoutedForwarding;
  readonly #sandboxNames = new SandboxNames();
  /** Undefined: it is not known to be there. */
  #made: { readonly spec: NetworkSpec; readonly ground: Ground } | undefined;
  /** Name of the host's end -> the endpoint that is attached. */
  #ports = new Map<string, Port>();

  constructor(
    private readonly id: string,
    private readonly host: RoutedHost,
  ) {
    this.#table = new RoutedTable(tableName(id), host);
    this.#devices = new DeviceWork(id, host);
    this.#forwarding = new RoutedForwarding(this.#table, {
      read: async () => readTunnelEntries(id, await this.#listLinks(), host.namespace),
      apply: (differences) => this.#devices.setEntries(differences),
    });
  }

  isLike({ vni, mtu }: NetworkSpec): boolean {
    return this.#made?.spec.vni === vni && this.#made.spec.mtu === mtu;
  }

  hasAttached(network: NetworkSpec, endpoint: EndpointSpec): boolean {
    const port = this.#ports.get(outerEndName(endpoint.id));
    return this.isLike(network) && port !== undefined && isSamePort(port, portOf(endpoint));
  }

  async ensure(spec: NetworkSpec): Promise<void> {
    this.#made = undefined;
    const tunnel = await this.host.tunnel();
    const links = await this.#listLinks();
    const change = tunnelChange(links, spec, tunnel);
    if (change) await this.#devices.makeTunnel(change, spec, tunnel);
    await this.#devices.ip(linesOf(widenEnds(links, spec), 'ip'), { tolerate: isAbsent });
    // Its entries went with it.
    this.#forwarding.doubt();
    const now = change ? await this.#listLinks() : links;
    const ground = await this.#ground(now);
    const former = await this.#table.adopt();
    if (former)
      await this.#table.change(() => ({ lines: tableLines(ground, this.#table.chains), differences: [] }));
    else await this.#write(ground, now);
    this.#made = { spec, ground };
  }

  async remove(): Promise<void> {
    await this.#table.remove();
    const links = await this.#listLinks();
    await this.#devices.remove(
      links.filter((link) => isOfNetwork(link, this.id)).map(({ ifname }) => ifname),
    );
    await this.host.iproute2.leaveHost();
  }

  async attach(network: NetworkSpec, endpoints: readonly EndpointSpec[]): Promise<void> {
    const ports = endpoints.map(portOf);
    await this.#devices.attach(endpoints.map((endpoint) => pairChange(network, endpoint)));
    const add = portAddition(this.host.namespace.file, this.#table.name, ports, await this.#listLinks());
    await this.#table.addPorts(ports, add, (elements) => attachPorts(this.#table.name, ports, elements));
    for (const port of ports) this.#ports.set(port.name, port);
  }

  forgetPort(interfaceName: string): void {
    this.#ports.delete(outerEndOf(interfaceName));
  }

  async detach(interfaceNames: readonly string[]): Promise<void> {
    const names = interfaceNames.map(outerEndOf);
    await this.#table
      .change((elements) => detachPorts(this.#table.name, names, elements))
      .catch((error: unknown) => {
        if (!isXnetError(error, 'NOT_FOUND')) throw error;
      });
    // One that is not known to be there may be of another mode: no program is to stand for it.
    await this.#devices.remove(names, { isFrequent: this.#made !== undefined });
  }

  async setForwarding(remotes: Remotes, changed?: ReadonlySet<string>): Promise<ForwardingChange> {
    return this.#forwarding.set((await this.host.tunnel()).vtep, remotes, changed);
  }

  async learnNames(endpoints: readonly LocalEndpoint[]): Promise<boolean> {
    return this.#made ? this.#sandboxNames.learn(endpoints) : false;
  }

  async repair(endpoints: readonly LocalEndpoint[]): Promise<NetworkCheck> {
    const made = this.#made;
    const { size } = this.#forwarding;
    if (!made || this.#forwarding.isIncomplete) return { repairs: [], strangers: [], size };
    const repairs: Repair[] = [];
    try {
      const strangers = await this.#repair(made.spec, endpoints, repairs);
      return { repairs, strangers, size };
    } catch (failure: unknown) {
      return { repairs, strangers: [], size, failure };
    }
  }

  /** In the order in which one hangs on another. Resolves to the strangers. */
  async #repair(
    spec: NetworkSpec,
    endpoints: readonly LocalEndpoint[],
    repairs: Repair[],
  ): Promise<string[]> {
    const tunnel = await this.host.tunnel();
    const attached = this.#ports;
    const devices = await repairDevices({
      ...{ spec, tunnel, endpoints, attached, links: await this.#listLinks() },
      work: this.#devices,
      nameOf: (id) => this.#sandboxNames.find(id),
    });
    repairs.push(...repairsOf(devices.changes));
    const ports = new Map(endpoints.map((endpoint) => [outerEndName(endpoint.id), portOf(endpoint)]));
    this.#ports = new Map([...attached, ...ports].filter(([name]) => devices.present.has(name)));

    const links = devices.changes.length > 0 ? await this.#listLinks() : devices.links;
    const ground = await this.#ground(links);
    const isMoved = !isSameGround(ground, this.#made?.ground);
    const { strangers, anew } = devices;
    const found = await repairTable(this.#table, {
      ...{ ports: [...this.#ports.values()], strangers, anew },
      isMoved,
      rewrite: () => this.#write(ground, links),
    });
    this.#made = { spec, ground };
    const forwarding = await this.#forwarding.repair();
    const isUntouched = devices.changes.length === 0 && !isMoved;
    if (isUntouched) repairs.push(...found);
    if (isUntouched && found.every(({ kind }) => kind !== 'routes'))
      repairs.push(...forwarding.map(({ key, was }) => ({ kind: kindOf(key), object: key, was })));
    return strangers.map((name) => name.slice(2));
  }

  /** All of the table anew. A port whose device is gone would make the kernel refuse all of it. */
  async #write(ground: Ground, links: readonly ListedLink[]): Promise<void> {
    const present = new Set(links.map(({ ifname }) => ifname));
    const ports = [...this.#ports.values()].filter(({ name }) => present.has(name));
    const elements = this.#forwarding.elements(this.#table.elements);
    for (const [name, value] of ports.flatMap(portElements)) elements.set(name, value);
    const lines = [...tableLines(ground, []), ...ports.flatMap((port) => portLines(ground.table, port))];
    await this.#table.replace(lines, elements);
  }

  async #ground(links: readonly ListedLink[]): Promise<Ground> {
    return groundOf(this.id, links, await this.host.underlay());
  }

  #listLinks(): Promise<ListedLink[]> {
    return listLinks(this.host.namespace.file);
  }
}

function portOf({ id, mac, addresses = [] }: EndpointSpec): Port {
  return { name: outerEndName(id), mac, addresses: addresses.map(checkedAddress) };
}

function isSamePort(one: Port, other: Port): boolean {
  return one.mac === other.mac && one.addresses.join() === other.addresses.join();
}

function isSameGround(one: Ground, other: Ground | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function kindOf(entry: string): Repair['kind'] {
  return entry.startsWith('fdb ') ? 'fdb-entry' : 'route';
}
