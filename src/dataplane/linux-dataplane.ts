/**
 * The data plane of Linux: namespaces, VXLAN, bridges, veth pairs and nftables, made with iproute2 and nft.
 */
import { KeyedBatches } from '../concurrency/keyed-batches.js';
import { KeyedMutex } from '../concurrency/keyed-mutex.js';
import { isXnetError } from '../errors.js';
import { parseMac } from '../inet/mac-address.js';
import { openCapture } from './capture/open-capture.js';
import type {
  Capture,
  CapturedPacket,
  CaptureWish,
  Dataplane,
  EndpointSpec,
  ForwardingChange,
  KernelHint,
  KernelReports,
  LocalEndpoint,
  NetworkCheck,
  NetworkSpec,
  ObservedNetwork,
  ObservedTunnel,
  Remotes,
  Repair,
  TunnelFilter,
  Underlay,
} from './dataplane.js';
import { LinuxEgress } from './egress/linux-egress.js';
import { linuxInspection } from './inspect/linux-inspection.js';
import type { Inspection } from './inspection.js';
import { interfaceName, namespacePath } from './interface-names.js';
import { Iproute2 } from './iproute2/iproute2.js';
import { OwnWork } from './iproute2/own-work.js';
import { HostNamespace } from './kernel/host-namespace.js';
import { KernelWatch } from './kernel/kernel-watch.js';
import { HostUnderlay } from './kernel/underlay.js';
import type { KernelNetwork } from './kernel-network.js';
import { type LinuxHost, largestMtu, listAllNetworks, networkOf, networksOf } from './kernel-networks.js';
import { whoHas } from './lan/asking/who-has.js';
import { LanEvents } from './lan/lan-events.js';
import { Lans } from './lan/lans.js';
import { readParent, readParents } from './lan/parent/read-parent.js';
import type { LanAnswers, LanNetwork, LanParent } from './lan-reading.js';
import { LinuxHostReading } from './linux-host-reading.js';
import { DEFAULT_MODE, type LanSpec, type ModeSpec } from './modes.js';
import { HostRuleset } from './nft/host-ruleset.js';
import { GuardedFilter } from './nft/tunnel-filter.js';
import { listTunnels } from './overlay/list-tunnels.js';
import { listOuterEnds } from './overlay/network-namespace.js';

export interface LinuxDataplaneOptions {
  /** Interface name or address of the underlay. Default: the interface of the default route. */
  readonly underlay?: string;
  /** UDP port of VXLAN. Default 4789, which Docker's swarm overlay may use at the same time. */
  readonly vxlanPort?: number;
  /** The network namespace of /run/netns that is "the host". Default: the one this process is in. */
  readonly hostNamespace?: string;
}

interface AttachRequest {
  readonly network: NetworkSpec;
  readonly endpoint: EndpointSpec;
}

interface DetachRequest {
  readonly networks: readonly KernelNetwork[];
  readonly interfaceName: string;
}

const VXLAN_PORT = 4789;

/** Kernel work of one network is done in the order asked for; networks go side by side. */
export class LinuxDataplane implements Dataplane {
  readonly reading: LinuxHostReading;
  readonly egress: LinuxEgress;
  readonly inspection: Inspection;
  readonly #host: LinuxHost;
  readonly #underlay: HostUnderlay;
  readonly #filter: GuardedFilter;
  /** Those that this process has ensured. */
  readonly #networks = new Map<string, KernelNetwork>();
  readonly #mutex = new KeyedMutex();
  readonly #attachments: KeyedBatches<AttachRequest>;
  /** Of interface names; beside the network's mutex, so that deleting does not hold up attaching. */
  readonly #removals: KeyedBatches<DetachRequest>;
  /** Removals under way, by network and interface. */
  readonly #leaving = new Map<string, Promise<void>>();

  constructor(private readonly options: LinuxDataplaneOptions = {}) {
    const { hostNamespace, vxlanPort: port = VXLAN_PORT } = options;
    const ownWork = new OwnWork();
    const iproute2 = new Iproute2(hostNamespace, ownWork);
    const underlay = new HostUnderlay(iproute2, options.underlay);
    const current = async () => underlay.current ?? (await underlay.find());
    const tunnel = async () => ({ vtep: (await current()).vtep, port });
    this.#underlay = underlay;
    this.inspection = linuxInspection(hostNamespace, port);
    const namespace = new HostNamespace(hostNamespace);
    const hostPath = hostNamespace === undefined ? undefined : namespacePath(hostNamespace);
    const ruleset = new HostRuleset(namespace.file);
    const shared = { iproute2, ownWork, namespace, tunnel, ruleset };
    this.#host = { ...shared, underlay: current, hostPath, lans: new Lans() };
    this.reading = new LinuxHostReading(iproute2, hostNamespace, port, tunnel);
    this.egress = new LinuxEgress({ hostNamespace, hostPath, iproute2, ownWork, ruleset });
    this.#filter = new GuardedFilter(hostNamespace, port, ownWork);
    this.#attachments = new KeyedBatches(this.#mutex, (_, items) => this.#attach(items));
    this.#removals = new KeyedBatches(new KeyedMutex(), (_, items) => this.#detach(items));
  }

  findUnderlay(): Promise<Underlay> {
    return this.#underlay.find();
  }

  followUnderlay(): Promise<Underlay> {
    return this.#underlay.follow();
  }

  containerMtu(underlay: Underlay, mode: ModeSpec = DEFAULT_MODE): number {
    return largestMtu(underlay, mode);
  }

  async ensureNetwork(network: NetworkSpec): Promise<void> {
    await this.#mutex.run(network.id, () => this.#ensureNetwork(network));
  }

  async removeNetwork(networkId: string, mode?: ModeSpec): Promise<void> {
    // The program that removes an interface would stand on, and keep the namespace and its VNI alive.
    const leaving = [...this.#leaving].filter(([key]) => key.startsWith(`${networkId} `));
    await Promise.allSettled(leaving.map(([, removal]) => removal));
    await this.#mutex.run(networkId, async () => {
      const networks = this.#findAll(networkId, mode);
      this.#networks.delete(networkId);
      for (const network of networks) await network.remove();
    });
  }

  async ensureEndpoint(network: NetworkSpec, endpoint: EndpointSpec): Promise<{ interfaceName: string }> {
    const name = interfaceName(endpoint.id);
    const { id, addresses } = endpoint;
    const checked = { id, mac: parseMac(endpoint.mac), ...(addresses && { addresses }) };
    // Its failure is the affair of whoever asked for the removal.
    await this.#leaving.get(`${network.id} ${name}`)?.catch(() => {});
    if (!this.#networks.get(network.id)?.hasAttached(network, checked))
      await this.#attachments.add(network.id, { network, endpoint: checked });
    return { interfaceName: name };
  }

  removeEndpoint(networkId: string, endpointId: string, mode?: ModeSpec): Promise<void> {
    const name = interfaceName(endpointId);
    const key = `${networkId} ${name}`;
    const removal = this.#removeEndpoint(networkId, name, mode).finally(() => {
      if (this.#leaving.get(key) === removal) this.#leaving.delete(key);
    });
    this.#leaving.set(key, removal);
    return removal;
  }

  setForwarding(
    networkId: string,
    remotes: Remotes,
    changed?: ReadonlySet<string>,
  ): Promise<ForwardingChange> {
    return this.#mutex.run(networkId, () => this.#find(networkId).setForwarding(remotes, changed));
  }

  async repairNetwork(
    networkId: string,
    endpointsNow: () => readonly LocalEndpoint[],
  ): Promise<NetworkCheck> {
    const isLearning = await this.#networks.get(networkId)?.learnNames(endpointsNow());
    return this.#mutex.run(networkId, async () => {
      const check = await this.#networks.get(networkId)?.repair(endpointsNow());
      return { repairs: [], strangers: [], size: 0, ...check, ...(isLearning && { isLearning }) };
    });
  }

  setTunnelFilter(filter: TunnelFilter): Promise<readonly Repair[]> {
    return this.#filter.set(filter);
  }

  watchKernel(listener: (hint: KernelHint) => void): KernelReports {
    const { hostNamespace } = this.options;
    const underlay = () => this.#underlay.current;
    const lanEvents = new LanEvents({ ...this.#host, listener });
    const isInHostNamespace = (id: string) => this.#networks.get(id)?.isInHostNamespace === true;
    const parts = { ...this.#host, hostNamespace, underlay, lanEvents, isInHostNamespace, listener };
    return new KernelWatch(parts);
  }

  listNetworks(): Promise<readonly ObservedNetwork[]> {
    return listAllNetworks(this.#host);
  }

  listTunnels(except: ReadonlySet<string>): Promise<readonly ObservedTunnel[]> {
    return listTunnels(except);
  }

  async listOuterEnds(): Promise<readonly string[]> {
    return listOuterEnds(this.options.hostNamespace);
  }

  lanParent(mode: LanSpec): Promise<LanParent | undefined> {
    return readParent(mode, this.#host.hostPath);
  }

  lanParents(modes: readonly LanSpec[]): Promise<readonly (LanParent | undefined)[]> {
    return readParents(modes, this.#host.hostPath);
  }

  whoHas(network: LanNetwork, addresses: readonly string[], waitMs: number): Promise<LanAnswers | undefined> {
    const { hostPath: path, lans } = this.#host;
    const isElsewhere = (id: string, interfaceName: string) => lans.isElsewhere(id, interfaceName);
    return whoHas({ network, addresses, waitMs, path, isElsewhere });
  }

  async capture(
    wish: CaptureWish,
    onPackets: (packets: readonly CapturedPacket[]) => void,
  ): Promise<Capture> {
    const { hostNamespace, vxlanPort = VXLAN_PORT } = this.options;
    const underlay = this.#underlay.current ?? (await this.#underlay.find());
    const isInHostNamespace = (id: string) => this.#isInHostNamespace(id);
    return openCapture({ hostNamespace, underlay, vxlanPort, isInHostNamespace }, wish, onPackets);
  }

  /** Waits for removals under way; the kernel's state stays, containers go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#leaving.values());
    await this.egress[Symbol.asyncDispose]();
    this.#filter[Symbol.dispose]();
    this.reading[Symbol.dispose]();
    this.#host.ruleset[Symbol.dispose]();
    await this.#host.iproute2.close();
    await this.#host.namespace[Symbol.asyncDispose]();
  }

  /** One that was not ensured is not remembered. */
  #find(networkId: string, mode: ModeSpec = DEFAULT_MODE): KernelNetwork {
    return this.#networks.get(networkId) ?? networkOf(networkId, mode, this.#host);
  }

  /** The one that this process has ensured, or that of the mode; without one, all that it may be. */
  #findAll(networkId: string, mode: ModeSpec | undefined): readonly KernelNetwork[] {
    if (mode || this.#networks.has(networkId)) return [this.#find(networkId, mode)];
    return networksOf(networkId, this.#host);
  }

  #isInHostNamespace(networkId: string): boolean {
    return this.#networks.get(networkId)?.isInHostNamespace === true;
  }

  async #ensureNetwork(spec: NetworkSpec): Promise<KernelNetwork> {
    const network = this.#find(spec.id, spec.mode);
    this.#networks.set(spec.id, network);
    await network.ensure(spec);
    return network;
  }

  /** Endpoints of one network; of its specs the latest counts. */
  async #attach(requests: readonly AttachRequest[]): Promise<void> {
    const network = requests.at(-1)?.network;
    if (!network) return;
    const endpoints = requests.map(({ endpoint }) => endpoint);
    const known = this.#networks.get(network.id);
    try {
      if (known?.isLike(network)) return await known.attach(network, endpoints);
    } catch (error: unknown) {
      // Somebody took the network apart behind our back.
      if (!isXnetError(error, 'NOT_FOUND')) throw error;
    }
    const ensured = await this.#ensureNetwork(network);
    await ensured.attach(network, endpoints);
  }

  async #removeEndpoint(networkId: string, interfaceName: string, mode?: ModeSpec): Promise<void> {
    const networks = this.#findAll(networkId, mode);
    await this.#mutex.run(networkId, async () => {
      for (const network of networks) network.forgetPort(interfaceName);
    });
    await this.#removals.add(networkId, { networks, interfaceName });
  }

  /** Endpoints of one network. */
  async #detach(requests: readonly DetachRequest[]): Promise<void> {
    const names = requests.map(({ interfaceName }) => interfaceName);
    for (const network of requests.at(-1)?.networks ?? []) await network.detach(names);
  }
}
