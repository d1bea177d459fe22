import { type Change, linesOf, repairsOf } from '../changes.js';
import type {
  EndpointSpec,
  ForwardingChange,
  LocalEndpoint,
  NetworkCheck,
  NetworkSpec,
  Remotes,
  Repair,
} from '../dataplane.js';
import { isOfVanishedPort } from '../forwarding/apply-forwarding.js';
import { endpointNameOf, interfaceName } from '../interface-names.js';
import type { Iproute2 } from '../iproute2/iproute2.js';
import type { OwnWork } from '../iproute2/own-work.js';
import type { HostNamespace } from '../kernel/host-namespace.js';
import type { KernelNetwork } from '../kernel-network.js';
import { isSandbox, SandboxNames } from '../sandbox/sandbox-interface.js';
import { ownerOf } from '../spoofing/plan-filter.js';
import { SourceFilter } from '../spoofing/source-filter.js';
import { applyDevices, attachAgain, attachEndpoints, removeDevices } from './apply-network.js';
import { diffDevices, diffPorts, type PortsDiff, widenPorts } from './diff-devices.js';
import type { Layout, Tunnel } from './layout.js';
import type { Link } from './links.js';
import { NetworkForwarding } from './network-forwarding.js';
import { NetworkNamespace } from './network-namespace.js';
import { VXLAN_LAYOUT } from './vxlan-layout.js';

/** What an overlay needs of its host. */
export interface OverlayHost {
  readonly iproute2: Iproute2;
  readonly ownWork: OwnWork;
  readonly namespace: HostNamespace;
  readonly tunnel: () => Promise<Tunnel>;
}

/** An overlay. What was done last to it is remembered rather than observed, and forgotten whenever it may no longer be true. */
export class OverlayNetwork implements KernelNetwork {
  readonly #namespace: NetworkNamespace;
  readonly #sandboxNames = new SandboxNames();
  /** Undefined: it is not known to be there. */
  #spec: NetworkSpec | undefined;
  /** MAC -> port of the endpoints that are attached. */
  #ports = new Map<string, string>();
  readonly #forwarding: NetworkForwarding;
  readonly #sources: SourceFilter;

  constructor(
    id: string,
    private readonly host: OverlayHost,
    private readonly layout: Layout = VXLAN_LAYOUT,
  ) {
    this.#namespace = new NetworkNamespace(id, host.iproute2);
    const tunnel = () => tunnelOf(this.#spec, host);
    this.#forwarding = new NetworkForwarding(this.#namespace.name, { ...host, tunnel, layout });
    this.#sources = new SourceFilter(id, host.ownWork);
  }

  isLike({ vni, mtu, multicast, spoof, encryptedVtep }: NetworkSpec): boolean {
    const spec = this.#spec;
    const isEqual = spec?.vni === vni && spec.mtu === mtu && spec.multicast === multicast;
    return isEqual && spec.spoof === spoof && spec.encryptedVtep === encryptedVtep;
  }

  hasAttached(network: NetworkSpec, { id, mac }: EndpointSpec): boolean {
    return this.isLike(network) && this.#ports.get(mac) === interfaceName(id);
  }

  async ensure(spec: NetworkSpec): Promise<void> {
    const isKnown = this.#spec !== undefined;
    const tunnel = await tunnelOf(spec, this.host);
    const links = await this.#namespace.findLinks();
    const changes = diffDevices(links, this.#namespace.name, this.layout.devices(spec, tunnel));
    const ports = widenPorts(links ?? [], this.layout.attachment.settings(spec));
    this.#spec = undefined;
    const work = async () => {
      await applyDevices(this.#namespace, changes, spec, tunnel);
      await this.#setPorts(ports);
    };
    await this.host.ownWork.run(this.#namespace.name, work);
    // What hung on a device that had to be made again hangs there no more.
    if (changes.length > 0 || !isKnown) this.#forget();
    if (!links || !isKnown) this.#forwarding.reset();
    this.#spec = spec;
  }

  async remove(): Promise<void> {
    const work = () => removeDevices(this.#namespace, this.layout.deviceNames);
    await this.host.ownWork.run(this.#namespace.name, work);
  }

  async attach(network: NetworkSpec, endpoints: readonly EndpointSpec[]): Promise<void> {
    const into = await this.host.namespace.path();
    const changes = endpoints.map((endpoint) => this.layout.attachment.add(network, endpoint, into));
    await attachEndpoints(this.#namespace, changes);
    if (network.spoof === undefined) await this.#sources.add(endpoints.map(ownerOf));
    for (const endpoint of endpoints) this.#ports.set(...portOf(endpoint));
  }

  forgetPort(name: string): void {
    for (const [mac, port] of this.#ports) if (port === name) this.#ports.delete(mac);
    this.#sources.forget(name);
  }

  detach(interfaceNames: readonly string[]): Promise<void> {
    return this.#namespace.removeLinks(interfaceNames);
  }

  setForwarding(remotes: Remotes, changed?: ReadonlySet<string>): Promise<ForwardingChange> {
    return this.#forwarding.set(remotes, this.#ports, changed);
  }

  async learnNames(endpoints: readonly LocalEndpoint[]): Promise<boolean> {
    return this.#spec ? this.#sandboxNames.learn(endpoints) : false;
  }

  async repair(endpoints: readonly LocalEndpoint[]): Promise<NetworkCheck> {
    const network = this.#spec;
    const { size } = this.#forwarding;
    if (!network || this.#forwarding.isIncomplete) return { repairs: [], strangers: [], size };
    const attached = this.#ports;
    // Until all is done, nothing is known for certain.
    this.#forget();
    const repairs: Repair[] = [];
    const note = (changes: readonly Repair[]) => void repairs.push(...repairsOf(changes));
    try {
      const { strangers, ports } = await this.#repair(network, endpoints, attached, note);
      this.#ports = new Map(ports);
      this.#forwarding.confirm();
      return { repairs, strangers, size, ...this.#countForged(network) };
    } catch (failure: unknown) {
      return { repairs, strangers: [], size, failure };
    }
  }

  /** In the order in which one hangs on another. What only hung on something that was made anew is not noted. */
  async #repair(
    network: NetworkSpec,
    endpoints: readonly LocalEndpoint[],
    attached: ReadonlyMap<string, string>,
    note: (changes: readonly Repair[]) => void,
  ): Promise<Pick<PortsDiff, 'strangers' | 'ports'>> {
    const links = await this.#namespace.findLinks();
    const entries = links && (await this.#forwarding.observe());

    const devices = await this.#repairDevices(network, links);
    note(devices);
    const isAnew = devices.some(({ was }) => was === 'missing');
    const present = devices.length === 0 ? links : await this.#namespace.findLinks();

    const diff = diffPorts(present ?? [], this.layout.attachment.settings(network), endpoints, attached);
    const again = await this.#repairPorts(network, diff);
    note([...(isAnew ? [] : diff.altered), ...again.values()]);
    const ports = new Map([...diff.ports, ...[...again.keys()].map(portOf)]);

    const isUntouched = devices.length + diff.altered.length + again.size === 0;
    const observed = isUntouched && entries ? entries : await this.#forwarding.observe();
    const forwarding = await this.#forwarding.repair(observed, ports);
    if (isUntouched) note(forwarding);
    if (network.spoof === undefined) {
      const names = [
        ...(present ?? []).map(({ ifname }) => ifname),
        ...[...again.values()].map(({ object }) => object),
      ];
      const sources = await this.#sources.repair(endpoints.map(ownerOf), new Set(names));
      if (isUntouched) note(sources);
    }
    return { strangers: diff.strangers, ports };
  }

  async #repairDevices(network: NetworkSpec, links: readonly Link[] | undefined): Promise<Change[]> {
    const tunnel = await tunnelOf(network, this.host);
    const changes = diffDevices(links, this.#namespace.name, this.layout.devices(network, tunnel));
    if (changes.length > 0) await applyDevices(this.#namespace, changes, network, tunnel);
    return changes;
  }

  /**
   * Resolves to the endpoints that were attached again: not those whose container has gone, as Docker is about to say, or
   * has forgotten.
   */
  async #repairPorts(network: NetworkSpec, diff: PortsDiff): Promise<Map<LocalEndpoint, Change>> {
    await this.#setPorts(diff.altered);
    const again = new Map<LocalEndpoint, Change>();
    for (const endpoint of diff.missing) {
      const { id, sandboxPath } = endpoint;
      if (sandboxPath === undefined || !(await isSandbox(sandboxPath))) continue;
      const change = this.layout.attachment.add(network, endpoint, sandboxPath);
      const formerName = this.#sandboxNames.find(id);
      await attachAgain(this.#namespace, change, { ...endpoint, sandboxPath }, formerName);
      again.set(endpoint, change);
    }
    return again;
  }

  async #setPorts(changes: readonly Change[]): Promise<void> {
    await this.#namespace.batch(linesOf(changes, 'ip'), { tolerate: isOfVanishedPort });
  }

  /** Of those that have forged any. */
  #countForged({ spoof }: NetworkSpec): Pick<NetworkCheck, 'forged'> {
    if (spoof !== undefined) return {};
    const counts = [...this.#sources.count()].filter(([, packets]) => packets > 0);
    if (counts.length === 0) return {};
    return { forged: new Map(counts.map(([port, packets]) => [endpointNameOf(port) ?? port, packets])) };
  }

  #forget(): void {
    this.#ports = new Map();
    this.#forwarding.doubt();
  }
}

async function tunnelOf(
  spec: Pick<NetworkSpec, 'encryptedVtep'> | undefined,
  { tunnel }: Pick<OverlayHost, 'tunnel'>,
): Promise<Tunnel> {
  const { vtep, port } = await tunnel();
  return { vtep: spec?.encryptedVtep ?? vtep, port };
}

function portOf({ id, mac }: EndpointSpec): [mac: string, port: string] {
  return [mac, interfaceName(id)];
}
