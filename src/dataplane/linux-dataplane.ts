/**
 * The data plane of Linux: namespaces, VXLAN, bridges, veth pairs and nftables, made with iproute2 and nft.
 */
import { KeyedBatches } from '../concurrency/keyed-batches.js';
import { KeyedMutex } from '../concurrency/keyed-mutex.js';
import { isXnetError } from '../errors.js';
import { parseMac } from '../inet/mac-address.js';
import type {
  Dataplane,
  EndpointSpec,
  Forwarding,
  ForwardingChange,
  KernelHint,
  LocalEndpoint,
  NetworkCheck,
  NetworkSpec,
  ObservedNetwork,
  Repair,
  TunnelFilter,
  Underlay,
} from './dataplane.js';
import { desiredForwarding, type ForwardingState, planForwarding } from './forwarding/plan-forwarding.js';
import { readForwarding } from './forwarding/read-forwarding.js';
import { interfaceName, namespaceName } from './interface-names.js';
import { Iproute2 } from './iproute2/iproute2.js';
import { OwnWork } from './iproute2/own-work.js';
import { HostNamespace } from './kernel/host-namespace.js';
import { checkKernel, hasIpv6 } from './kernel/kernel-support.js';
import { KernelWatch, TUNNEL_FILTER } from './kernel/kernel-watch.js';
import { chooseUnderlay, followUnderlay, readHostInterfaces } from './kernel/underlay.js';
import { ensureAttached, removeInterfaces } from './network/endpoint-devices.js';
import { listNetworks, listOuterEnds } from './network/list-networks.js';
import { ensureDevices, findLinks, removeDevices } from './network/network-devices.js';
import type { Tunnel } from './network/vxlan.js';
import { GuardedFilter } from './nft/guarded-filter.js';
import { tunnelFilterLines } from './nft/tunnel-filter.js';
import { isRemovedAlready, repairNetwork } from './repair/repair-network.js';
import { SandboxNames } from './sandbox/sandbox-names.js';

export interface LinuxDataplaneOptions {
  /** Interface name or address of the underlay. Default: the interface of the default route. */
  readonly underlay?: string;
  /** UDP port of VXLAN. Default 4789, which Docker's swarm overlay may use at the same time. */
  readonly vxlanPort?: number;
  /** The network namespace of /run/netns that is "the host". Default: the one this process is in. */
  readonly hostNamespace?: string;
}

/** What this process did last to a network; forgotten whenever it may no longer be true. */
interface KnownNetwork {
  readonly spec: NetworkSpec;
  forwarding?: ForwardingState | undefined;
  /** What was asked for last, whether the kernel has it or not. */
  wanted?: ForwardingState | undefined;
  /** MAC -> interface name of the endpoints of this host. */
  local: Map<string, string>;
}

interface Attachment {
  readonly network: NetworkSpec;
  readonly endpoint: EndpointSpec;
}

const VXLAN_PORT = 4789;

/** Kernel work of one network is done in the order asked for; networks go side by side. */
export class LinuxDataplane implements Dataplane {
  readonly #iproute2: Iproute2;
  readonly #hostNamespace: HostNamespace;
  readonly #ownWork = new OwnWork();
  readonly #filter: GuardedFilter;
  readonly #sandboxNames = new SandboxNames();
  readonly #mutex = new KeyedMutex();
  readonly #attachments: KeyedBatches<Attachment>;
  /** Of interface names; beside the network's mutex, so that deleting does not hold up attaching. */
  readonly #removals: KeyedBatches<string>;
  readonly #known = new Map<string, KnownNetwork>();
  /** Removals under way, by network and interface. */
  readonly #leaving = new Map<string, Promise<void>>();
  #underlay: Underlay | undefined;
  #kernelChecked = false;

  constructor(private readonly options: LinuxDataplaneOptions = {}) {
    this.#iproute2 = new Iproute2(options.hostNamespace, this.#ownWork);
    this.#hostNamespace = new HostNamespace(options.hostNamespace);
    this.#filter = new GuardedFilter(options.hostNamespace);
    this.#attachments = new KeyedBatches(this.#mutex, (_, items) => this.#attach(items));
    this.#removals = new KeyedBatches(new KeyedMutex(), (networkId, names) =>
      removeInterfaces(this.#iproute2, networkId, names),
    );
  }

  async findUnderlay(): Promise<Underlay> {
    const underlay = chooseUnderlay(this.options.underlay, await readHostInterfaces(this.#iproute2));
    if (!this.#kernelChecked) await checkKernel(this.#iproute2);
    this.#kernelChecked = true;
    this.#underlay = underlay;
    return underlay;
  }

  async followUnderlay(): Promise<Underlay> {
    const current = this.#underlay ?? (await this.findUnderlay());
    this.#underlay = followUnderlay(this.options.underlay, current, await readHostInterfaces(this.#iproute2));
    return this.#underlay;
  }

  async ensureNetwork(network: NetworkSpec): Promise<void> {
    await this.#mutex.run(network.id, () => this.#ensureNetwork(network));
  }

  async removeNetwork(networkId: string): Promise<void> {
    // The program that removes an interface would stand on, and keep the namespace and its VNI alive.
    await Promise.allSettled(this.#leavingOf(networkId));
    await this.#mutex.run(networkId, async () => {
      this.#known.delete(networkId);
      await this.#ownWork.run(namespaceName(networkId), () => removeDevices(this.#iproute2, networkId));
    });
    this.#sandboxNames.forget(networkId);
  }

  async ensureEndpoint(network: NetworkSpec, endpoint: EndpointSpec): Promise<{ interfaceName: string }> {
    const name = interfaceName(endpoint.id);
    const checked = { id: endpoint.id, mac: parseMac(endpoint.mac) };
    // Its failure is the affair of whoever asked for the removal.
    await this.#leaving.get(`${network.id} ${name}`)?.catch(() => {});
    if (!this.#isAttached(network, checked)) {
      await this.#attachments.add(network.id, { network, endpoint: checked });
    }
    return { interfaceName: name };
  }

  removeEndpoint(networkId: string, endpointId: string): Promise<void> {
    const name = interfaceName(endpointId);
    const key = `${networkId} ${name}`;
    const removal = this.#removeEndpoint(networkId, name).finally(() => {
      if (this.#leaving.get(key) === removal) this.#leaving.delete(key);
    });
    this.#leaving.set(key, removal);
    return removal;
  }

  async setForwarding(networkId: string, forwarding: Forwarding): Promise<ForwardingChange> {
    const { vtep } = await this.#tunnel();
    const desired = desiredForwarding(forwarding, vtep);
    return this.#mutex.run(networkId, () => this.#setForwarding(networkId, desired));
  }

  async repairNetwork(
    networkId: string,
    endpointsNow: () => readonly LocalEndpoint[],
  ): Promise<NetworkCheck> {
    if (!this.#known.has(networkId)) return { repairs: [], strangers: [] };
    // Beside the mutex: it takes a program for each container, though but once.
    await this.#sandboxNames.learn(networkId, endpointsNow());
    return this.#mutex.run(networkId, () => this.#repairNetwork(networkId, endpointsNow()));
  }

  async setTunnelFilter(filter: TunnelFilter): Promise<void> {
    const lines = tunnelFilterLines(filter, this.options.vxlanPort ?? VXLAN_PORT);
    await this.#mutex.run(TUNNEL_FILTER, () =>
      this.#ownWork.run(TUNNEL_FILTER, () => this.#filter.set(lines)),
    );
  }

  async repairTunnelFilter(): Promise<readonly Repair[]> {
    return this.#mutex.run(TUNNEL_FILTER, () => this.#filter.repair());
  }

  watchKernel(listener: (hint: KernelHint) => void): AsyncDisposable {
    const { hostNamespace } = this.options;
    const underlay = () => this.#underlay;
    const parts = { iproute2: this.#iproute2, hostNamespace, ownWork: this.#ownWork };
    return new KernelWatch({ ...parts, underlay, listener });
  }

  listNetworks(): Promise<readonly ObservedNetwork[]> {
    return listNetworks(this.#iproute2);
  }

  listOuterEnds(): Promise<readonly string[]> {
    return listOuterEnds(this.#iproute2);
  }

  /** Waits for removals under way; the kernel's state stays, containers go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#leaving.values());
    await this.#iproute2.close();
    await this.#hostNamespace[Symbol.asyncDispose]();
  }

  #leavingOf(networkId: string): Promise<void>[] {
    const leaving = [...this.#leaving].filter(([key]) => key.startsWith(`${networkId} `));
    return leaving.map(([, removal]) => removal);
  }

  async #ensureNetwork(network: NetworkSpec): Promise<KnownNetwork> {
    const tunnel = await this.#tunnel();
    const links = await findLinks(this.#iproute2, network.id);
    if (!links) {
      this.#known.delete(network.id);
      await this.#iproute2.leave(namespaceName(network.id));
    }
    const known = this.#known.get(network.id);
    this.#known.delete(network.id);
    const changed = await this.#ownWork.run(namespaceName(network.id), () =>
      ensureDevices(this.#iproute2, links, network, tunnel),
    );
    // What hung on a device that had to be made again hangs there no more.
    const next: KnownNetwork =
      known && !changed
        ? { ...known, spec: network }
        : { spec: network, local: new Map(), wanted: known?.wanted };
    this.#known.set(network.id, next);
    return next;
  }

  /** Endpoints of one network; of its specs the latest counts. */
  async #attach(attachments: readonly Attachment[]): Promise<void> {
    const network = attachments.at(-1)?.network;
    if (!network) return;
    const endpoints = attachments.map(({ endpoint }) => endpoint);
    const assumed = this.#known.get(network.id);
    const known = assumed && isSame(assumed.spec, network) ? assumed : await this.#ensureNetwork(network);
    try {
      await this.#attachTo(known, endpoints);
    } catch (error: unknown) {
      if (known !== assumed || !isXnetError(error, 'NOT_FOUND')) throw error;
      // Somebody took the network apart behind our back.
      await this.#attachTo(await this.#ensureNetwork(network), endpoints);
    }
  }

  async #attachTo(known: KnownNetwork, endpoints: readonly EndpointSpec[]): Promise<void> {
    await ensureAttached(this.#iproute2, known.spec, endpoints, await this.#hostNamespace.path());
    for (const { id, mac } of endpoints) known.local.set(mac, interfaceName(id));
  }

  /** As far as this process knows: a sweep looks at the kernel, not every container start. */
  #isAttached(network: NetworkSpec, { id, mac }: EndpointSpec): boolean {
    const known = this.#known.get(network.id);
    return known !== undefined && isSame(known.spec, network) && known.local.get(mac) === interfaceName(id);
  }

  async #removeEndpoint(networkId: string, name: string): Promise<void> {
    await this.#mutex.run(networkId, async () => {
      const local = this.#known.get(networkId)?.local;
      for (const [mac, port] of local ?? []) if (port === name) local?.delete(mac);
    });
    await this.#removals.add(networkId, name);
  }

  async #repairNetwork(networkId: string, endpoints: readonly LocalEndpoint[]): Promise<NetworkCheck> {
    const known = this.#known.get(networkId);
    if (!known) return { repairs: [], strangers: [] };
    const { spec, wanted } = known;
    // Until all is done, nothing is known for certain.
    this.#known.set(networkId, { spec, wanted, local: new Map() });
    const repairs: Repair[] = [];
    const order = {
      network: spec,
      tunnel: await this.#tunnel(),
      endpoints,
      attached: known.local,
      forwarding: wanted,
      ipv6: await hasIpv6(),
      sandboxName: (endpointId: string) => this.#sandboxNames.find(networkId, endpointId),
    };
    try {
      const tell = (done: readonly Repair[]) => void repairs.push(...done);
      const { strangers, local } = await repairNetwork(this.#iproute2, order, tell);
      this.#known.set(networkId, { spec, wanted, forwarding: wanted, local: new Map(local) });
      return { repairs, strangers };
    } catch (failure: unknown) {
      return { repairs, strangers: [], failure };
    }
  }

  async #setForwarding(networkId: string, desired: ForwardingState): Promise<ForwardingChange> {
    const namespace = namespaceName(networkId);
    const known = this.#known.get(networkId);
    if (known) known.wanted = desired;
    const remembered = known?.forwarding;
    const observed =
      remembered && known
        ? { state: remembered, local: known.local }
        : await readForwarding(this.#iproute2, namespace);
    const plan = planForwarding(observed.state, desired, observed.local, await hasIpv6());
    if (known) known.forwarding = undefined;
    const results = await Promise.allSettled([
      this.#iproute2.batch('bridge', namespace, plan.bridge, { tolerate: isRemovedAlready }),
      this.#iproute2.batch('ip', namespace, plan.ip, { tolerate: isRemovedAlready }),
    ]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    if (known) known.forwarding = desired;
    return { added: plan.added, removed: plan.removed };
  }

  async #tunnel(): Promise<Tunnel> {
    const { vtep } = this.#underlay ?? (await this.findUnderlay());
    return { vtep, port: this.options.vxlanPort ?? VXLAN_PORT };
  }
}

function isSame(a: NetworkSpec, b: NetworkSpec): boolean {
  return a.vni === b.vni && a.mtu === b.mtu && a.multicast === b.multicast;
}
