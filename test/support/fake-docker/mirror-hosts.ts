/**
 * Hosts for tests of the mirror: a Docker in memory, which calls the real driver's `Networks` as Docker does, with the
 * real `Mirror` beside it. Kernel and IPAM are left out.
 */
import { randomBytes } from 'node:crypto';
import { expect } from '@jest/globals';
import { HostRegistration } from '../../../src/agent/hosts/host-registration.js';
import { HostsView } from '../../../src/agent/hosts/hosts-view.js';
import { followOwnBindings, loadLocalState } from '../../../src/agent/local/local-state.js';
import { Mirror } from '../../../src/agent/mirror/mirror.js';
import { KeyedMutex } from '../../../src/concurrency/keyed-mutex.js';
import type {
  ContainerEndpoint,
  DockerContainer,
  DockerNetwork,
  DockerNetworkSpec,
  Engine,
  EngineEvent,
  EngineState,
} from '../../../src/docker/engine.js';
import type { GivenPool } from '../../../src/driver/collaborators.js';
import { LocalNetworks } from '../../../src/driver/local-networks.js';
import { parseNetworkOptions } from '../../../src/driver/networks/network-options.js';
import { Networks } from '../../../src/driver/networks/networks.js';
import { NewNetworks } from '../../../src/driver/networks/new-networks.js';
import { OwnActions } from '../../../src/driver/networks/own-actions.js';
import { XnetError } from '../../../src/errors.js';
import { keys } from '../../../src/model/keys.js';
import { networkRecord } from '../../../src/model/network.js';
import { formatRecord, parseRecord } from '../../../src/model/record.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import type { Store } from '../../../src/store/store.js';
import { muteLogger, silentLogger } from '../loggers.js';
import { MemoryStore } from '../store/memory-store.js';
import { eventually } from '../time/eventually.js';
import { networkSpec } from './network-spec.js';

const API_ANSWERS: EngineState = { connected: true, version: 'fake' };

const newId = () => randomBytes(32).toString('hex');

interface PluginSide {
  readonly networks: Networks;
  readonly newNetworks: NewNetworks;
  readonly local: LocalNetworks;
  readonly mirror: Mirror;
  readonly hosts: HostsView;
  readonly registration: HostRegistration;
  /** What the IPAM driver answered Docker last. */
  requested: GivenPool | undefined;
}

export class FakeHost implements Engine {
  readonly id = newId().slice(0, 8);
  readonly #networks = new Map<string, DockerNetwork>();
  /** Endpoint id -> Docker network id. */
  readonly #attached = new Map<string, string>();
  /** Containers that do not run, by id. */
  readonly #resting = new Map<string, ContainerEndpoint>();
  readonly #watchers = new Set<(event: EngineEvent) => void>();
  #xnet: PluginSide | undefined;
  state: EngineState = API_ANSWERS;
  /** Awaited within the removal of a network, before the plugin is told. */
  onRemoval: () => Promise<void> = async () => undefined;
  /** Awaited when a network of xnet's is there for everyone, before the one who created it hears of it. */
  onCreation: () => Promise<void> = async () => undefined;
  #subnets = 0;

  constructor(
    private readonly store: Store,
    private readonly number: number,
  ) {
    this.#makeDatabase();
  }

  async startXnet(): Promise<void> {
    const { number, id } = this;
    const host = { version: 1 as const, id, name: `h${number}`, vtep: `198.18.0.${number}` };
    const record = { ...host, vxlanPort: 4789, xnetVersion: 'fake' };
    const records = new RecordReader(muteLogger);
    const registration = new HostRegistration(this.store, record, silentLogger);
    await registration.start();
    const replica = new Replica(this.store, records);
    const hosts = new HostsView(replica);
    const known = replica.follow(keys.networks(), networkRecord);
    const bindings = followOwnBindings(replica, this.id);
    await hosts.ready();
    const local = new LocalNetworks((networkId) => known.get(keys.network(networkId))?.record);
    await loadLocalState({ store: replica, hostId: this.id, bindings, local, records }, known);
    const ownActions = new OwnActions();
    const newNetworks = new NewNetworks(300);
    const networks = new Networks({
      encryptAll: false,
      requireEncryption: async () => undefined,
      ownActions,
      store: replica,
      hostId: this.id,
      local,
      newNetworks,
      dataplane: { removeNetwork: async () => undefined } as never,
      follower: { unfollow: async () => undefined } as never,
      mutex: new KeyedMutex(),
      pools: {
        listGlobalPools: async () => [],
        releasePool: async () => undefined,
        beginTakeover: () => undefined,
        releaseGlobalPool: async () => undefined,
      },
      poolRequests: { take: () => this.#xnet?.requested },
      isGlobal: false,
      deleteEndpoint: async () => undefined,
      largestMtu: () => 1450,
      gatewaySubnets: () => hosts.gatewaySubnets(),
      reached: async () => [],
      findParent: async () => undefined,
      hostRoutes: async () => [],
      hostName: (hostId) => hosts.nameOf(hostId),
      changed: () => undefined,
    });
    const timing = { sweepMs: 200, goneMs: 60, unseenMs: 150, successorMs: 100, removalMs: 300 };
    const mirror = new Mirror(
      {
        store: replica,
        engine: this,
        clusterNetworks: known,
        bindings,
        newNetworks,
        hostId: this.id,
        logger: silentLogger,
        networks,
        hosts,
        registration,
        ownActions,
        outwardMtu: async () => undefined,
        onListed: () => undefined,
      },
      timing,
    );
    this.#xnet = { networks, newNetworks, local, mirror, hosts, registration, requested: undefined };
    await mirror.start();
  }

  async stopXnet(): Promise<void> {
    const { mirror, hosts, registration } = this.#xnet ?? {};
    for (const part of [mirror, hosts, registration]) await part?.[Symbol.asyncDispose]();
    this.#xnet = undefined;
  }

  /** Of all hosts, as this one knows them. */
  gatewaySubnets(): readonly { readonly subnet: string }[] {
    return this.#xnet?.hosts.gatewaySubnets() ?? [];
  }

  /** Whether the Engine API answers xnet; users and the plugin are served either way. */
  answerApi(answers: boolean): void {
    this.state = answers ? API_ANSWERS : { connected: false, reason: 'no answer' };
    if (answers) this.#tell({ type: 'resync' });
  }

  /** Everything that Docker had is gone, as after `rm -rf /var/lib/docker`. */
  wipeDocker(): void {
    this.#networks.clear();
    this.#makeDatabase();
    this.#tell({ type: 'resync' });
  }

  get problems(): readonly string[] {
    return this.#xnet?.mirror.problems ?? [];
  }

  names(): string[] {
    const ours = [...this.#networks.values()].filter(({ driver }) => driver === 'xnet');
    return ours.map(({ name }) => name).sort();
  }

  network(name: string): DockerNetwork {
    const found = [...this.#networks.values()].find((network) => network.name === name);
    if (!found) throw new Error(`no network ${name}`);
    return found;
  }

  /** `docker network create`. */
  async create(name: string, given: Partial<DockerNetworkSpec> = {}): Promise<string> {
    this.#subnets += 1;
    const subnet = `10.${this.number}.${this.#subnets}.0/24`;
    const ipam = { driver: 'xnet', options: {}, subnets: [{ subnet }] };
    return this.createNetwork(networkSpec(name, { driver: 'xnet', ipam, ...given }));
  }

  /** `docker network rm`. */
  async remove(name: string): Promise<void> {
    await this.removeNetwork(this.network(name).id);
  }

  /** A container starts. Rejects when xnet refuses it. */
  async attach(name: string): Promise<string> {
    const { id: dockerNetworkId } = this.network(name);
    await this.#xnet?.newNetworks.accepted(dockerNetworkId);
    const endpointId = newId();
    this.#attached.set(endpointId, dockerNetworkId);
    const networkId = this.#xnet?.local.findNetwork(dockerNetworkId)?.record.id;
    const record = {
      version: 1 as const,
      id: endpointId,
      networkId: networkId ?? '',
      dockerNetworkId,
      hostId: this.id,
      addresses: [],
      mac: '02:00:00:00:00:01',
    };
    const conditions = [{ key: keys.network(record.networkId), is: 'present' as const }];
    const { committed } = await this.store.commit(conditions, [
      { put: keys.endpoint(record.networkId, endpointId), value: formatRecord(record) },
    ]);
    if (!committed) this.#attached.delete(endpointId);
    return endpointId;
  }

  /** There is a container that does not run. One that never ran knows the network by its name alone. */
  rest(name: string, { hasRun }: { hasRun: boolean }): string {
    const { id: networkId } = this.network(name);
    const containerId = newId();
    this.#resting.set(containerId, { network: name, networkId: hasRun ? networkId : '', endpointId: '' });
    return containerId;
  }

  /** Whether Docker would find the network of a container that does not run. */
  canStart(containerId: string): boolean {
    const endpoint = this.#resting.get(containerId);
    return [...this.#networks.values()].some(({ id, name }) =>
      endpoint?.networkId ? id === endpoint.networkId : name === endpoint?.network,
    );
  }

  /** All containers that do not run are removed. */
  removeResting(): void {
    for (const containerId of this.#resting.keys())
      this.#tell({ type: 'container', action: 'destroy', containerId, name: '' });
    this.#resting.clear();
  }

  /** All containers stop. */
  async detachAll(): Promise<void> {
    for (const [endpointId, dockerNetworkId] of this.#attached) {
      const { entries } = await this.store.list(keys.endpoints());
      const own = entries.filter(({ key }) => key.endsWith(`/${endpointId}`));
      await this.store.commit(
        [],
        own.map(({ key }) => ({ remove: key })),
      );
      this.#attached.delete(endpointId);
      this.#tell({
        type: 'network',
        action: 'disconnect',
        networkId: dockerNetworkId,
        name: '',
        driver: 'xnet',
      });
    }
  }

  async listNetworks(): Promise<DockerNetwork[]> {
    if (!this.state.connected) throw new XnetError('DOCKER', this.state.reason);
    return [...this.#networks.values()];
  }

  async createNetwork(spec: DockerNetworkSpec): Promise<string> {
    if ([...this.#networks.values()].some(({ name }) => name === spec.name)) {
      throw new XnetError('EXISTS', `network with name ${spec.name} already exists`);
    }
    const id = newId();
    if (spec.driver === 'bridge' && spec.ipam.subnets.length === 0) {
      spec = { ...spec, ipam: { ...spec.ipam, subnets: [{ subnet: `172.${this.number}.0.0/16` }] } };
    }
    if (spec.driver === 'xnet') {
      // GwAllocCheck waits for it (src/daemon.ts).
      await this.#xnet?.mirror.settled;
      await this.#callCreate(id, spec);
    }
    if ([...this.#networks.values()].some(({ name }) => name === spec.name)) {
      await this.#xnet?.networks.delete(id);
      throw new XnetError('EXISTS', `network with name ${spec.name} already exists`);
    }
    this.#networks.set(id, { ...spec, id, scope: 'local' });
    this.#tell({ type: 'network', action: 'create', networkId: id, name: spec.name, driver: spec.driver });
    if (spec.driver === 'xnet') await this.onCreation();
    return id;
  }

  async removeNetwork(networkId: string): Promise<void> {
    if ([...this.#attached.values()].includes(networkId)) {
      throw new XnetError('IN_USE', `network ${networkId} has active endpoints`);
    }
    const network = this.#networks.get(networkId);
    if (!network) return;
    await this.onRemoval();
    await this.#xnet?.networks.delete(networkId);
    this.#networks.delete(networkId);
    this.#tell({
      type: 'network',
      action: 'destroy',
      networkId,
      name: network.name,
      driver: network.driver,
    });
  }

  async findContainerOf(): Promise<undefined> {}

  async listContainers(): Promise<DockerContainer[]> {
    const attached = [...this.#attached].map(([id, networkId]): [string, ContainerEndpoint] => {
      return [id, { network: this.#networks.get(networkId)?.name ?? '', networkId, endpointId: id }];
    });
    return [...attached, ...this.#resting].map(([id, endpoint]) => ({ id, name: id, endpoints: [endpoint] }));
  }

  async reconnectContainer(
    containerId: string,
    { id: networkId, name }: { id: string; name: string },
  ): Promise<void> {
    this.#resting.set(containerId, { network: name, networkId, endpointId: '' });
  }

  async inspectContainer(): Promise<undefined> {
    return undefined;
  }

  async *watchEvents(signal: AbortSignal): AsyncIterable<EngineEvent> {
    let queue: EngineEvent[] = [{ type: 'resync' }];
    let wake: () => void = () => undefined;
    const tell = (event: EngineEvent) => {
      queue.push(event);
      wake();
    };
    this.#watchers.add(tell);
    signal.addEventListener('abort', () => wake());
    while (!signal.aborted) {
      const events = queue;
      queue = [];
      yield* events;
      if (queue.length > 0 || signal.aborted) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    this.#watchers.delete(tell);
  }

  #makeDatabase(): void {
    const id = newId();
    const ipam = { driver: 'host', options: {}, subnets: [] };
    this.#networks.set(id, { id, scope: 'local', ...networkSpec('host', { driver: 'host', ipam }) });
  }

  async #callCreate(dockerNetworkId: string, { options, internal, ipam }: DockerNetworkSpec): Promise<void> {
    const xnet = this.#xnet;
    if (!xnet) throw new XnetError('DOCKER', 'plugin not found');
    const subnet = ipam.subnets[0]?.subnet ?? '';
    const id = ipam.options['xnet.id'];
    const named = id === undefined ? undefined : await xnet.networks.find({ id });
    const poolKey = named?.pools[0]?.poolKey ?? `xnet-local~${subnet}`;
    xnet.requested =
      ipam.driver === 'xnet' ? { subnet, poolKey, ...(id !== undefined && { network: { id } }) } : undefined;
    await xnet.networks.create({
      dockerNetworkId,
      options: parseNetworkOptions(options),
      internal,
      asksForGateways: true,
      subnets: [{ addressSpace: 'xnet-local', subnet }],
    });
  }

  #tell(event: EngineEvent): void {
    for (const watcher of this.#watchers) watcher(event);
  }
}

export class FakeCluster implements AsyncDisposable {
  readonly store = new MemoryStore();
  readonly hosts: FakeHost[] = [];

  static async start(count: number): Promise<FakeCluster> {
    const cluster = new FakeCluster();
    for (let number = 1; number <= count; number++) await cluster.addHost();
    return cluster;
  }

  /** `store`: how that host sees the cluster's. */
  async addHost(store: Store = this.store): Promise<FakeHost> {
    const host = new FakeHost(store, this.hosts.length + 1);
    this.hosts.push(host);
    await host.startXnet();
    return host;
  }

  get one(): FakeHost {
    return this.#host(1);
  }

  get two(): FakeHost {
    return this.#host(2);
  }

  get three(): FakeHost {
    return this.#host(3);
  }

  /** Resolves when every host has these xnet networks and no other. */
  async everywhere(...names: string[]): Promise<void> {
    await eventually(() => {
      for (const host of this.hosts) expect(host.names()).toEqual(names);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.hosts) await host.stopXnet();
    await this.store[Symbol.asyncDispose]();
  }

  #host(number: number): FakeHost {
    const host = this.hosts[number - 1];
    if (!host) throw new Error(`the cluster has no host ${number}`);
    return host;
  }
}

/** Mirrored networks of the cluster, by name; those under removal are left out. */
export async function mirroredNames(store: Store): Promise<string[]> {
  const { entries } = await store.list(keys.networks());
  const records = entries.map((entry) => parseRecord(networkRecord, entry));
  return records.flatMap(({ mirror }) => (mirror && !mirror.removal ? [mirror.name] : [])).sort();
}
