/**
 * A host at work: everything that needs the store and the underlay, made in the order it is needed. daemon.ts
 * makes it in the background, since Docker must be answered before the store is reachable.
 */
import { hostname } from 'node:os';
import { adoptKernelState } from './agent/adoption.js';
import { DriftRepairs } from './agent/drift-repairs.js';
import { ForgottenEndpoints } from './agent/forgotten-endpoints.js';
import { HostRegistration } from './agent/host-registration.js';
import { HostsView } from './agent/hosts-view.js';
import { loadLocalState } from './agent/local-state.js';
import { Mirror, type MirrorParts } from './agent/mirror.js';
import { NamePublisher } from './agent/name-publisher.js';
import { NetworkFollower } from './agent/network-follower.js';
import { OwnDeeds } from './agent/own-deeds.js';
import { PoolCreations } from './agent/pool-creations.js';
import { PoolSweep } from './agent/pool-sweep.js';
import { TunnelGuard } from './agent/tunnel-guard.js';
import { KeyedMutex } from './concurrency/keyed-mutex.js';
import { Unfinished } from './concurrency/unfinished.js';
import type { Config } from './config/schema.js';
import { containerMtu } from './dataplane/container-mtu.js';
import type { Dataplane, NetworkSpec, Underlay } from './dataplane/dataplane.js';
import { EndpointSandboxes } from './dns/endpoint-sandboxes.js';
import type { SandboxResolvers } from './dns/resolvers.js';
import type { Zones } from './dns/zones.js';
import type { Engine } from './docker/engine.js';
import { OUR_DRIVER } from './docker/own-plugin.js';
import type { PoolBook } from './driver/collaborators.js';
import { Endpoints } from './driver/endpoints.js';
import { LocalNetworks } from './driver/local-networks.js';
import { Networks } from './driver/networks.js';
import { PoolRequests } from './driver/pool-requests.js';
import { errorMessage } from './errors.js';
import { Prefix } from './inet/prefix.js';
import { ADDRESS_SPACES } from './ipam/address-space.js';
import { Ipam } from './ipam/ipam.js';
import { formatPoolKey } from './ipam/pool-name.js';
import type { Logger } from './observability/logger.js';
import { RepairLog } from './observability/repair-log.js';
import { RecordReader } from './store/record-reader.js';
import type { EndpointRecord, HostRecord, NetworkRecord } from './store/records.js';
import type { Store } from './store/store.js';

export interface Foundation {
  readonly config: Config;
  readonly logger: Logger;
  readonly store: Store;
  readonly dataplane: Dataplane;
  /** Filled here; asked by `resolvers`. */
  readonly zones: Zones;
  /** They outlive the host: what a daemon before this one left with the keeper is served first of all. */
  readonly resolvers: SandboxResolvers;
  readonly hostId: string;
  readonly version: string;
  /** Of the managed plugin that this is; undefined: it is none. */
  readonly pluginId: string | undefined;
}

export interface Host extends Forwarding, Driver, DockerAgents, AsyncDisposable {}

/** What this host knows of the cluster, and the kernel that follows it. */
interface Forwarding {
  readonly underlay: Underlay;
  readonly records: RecordReader;
  readonly registration: HostRegistration;
  readonly hosts: HostsView;
  readonly local: LocalNetworks;
  readonly follower: NetworkFollower;
  readonly guard: TunnelGuard;
  readonly repairs: RepairLog;
  readonly specOf: (record: NetworkRecord) => NetworkSpec;
}

/** What answers Docker's calls. */
interface Driver {
  readonly networks: Networks;
  /** Filled by the mirror. */
  readonly deeds: OwnDeeds;
  readonly endpoints: Endpoints;
  readonly sandboxes: EndpointSandboxes;
  readonly ipam: Ipam;
  readonly poolRequests: PoolRequests;
}

/** What keeps Docker and the cluster equal. */
interface DockerAgents {
  readonly engine: Engine;
  readonly mirror: Mirror;
  readonly poolSweep: PoolSweep;
  readonly names: NamePublisher;
}

/** Rejects, with all undone, when the store, the underlay or another host's claim stands in the way. */
export async function startHost(foundation: Foundation): Promise<Host> {
  const started: AsyncDisposable[] = [];
  try {
    const forwarding = await startForwarding(foundation, started);
    await foundation.resolvers.adoptHeld();
    const driver = createDriver(foundation, forwarding, started);
    startRepairs(foundation, forwarding, driver, started);
    const agents = await startDockerAgents(foundation, forwarding, driver, started);
    const dispose = () => disposeAll(started);
    return { ...forwarding, ...driver, ...agents, [Symbol.asyncDispose]: dispose };
  } catch (error: unknown) {
    await disposeAll(started);
    throw error;
  }
}

async function startForwarding(foundation: Foundation, started: AsyncDisposable[]): Promise<Forwarding> {
  const { logger, store, dataplane, hostId, zones } = foundation;
  const underlay = await dataplane.findUnderlay();

  const registration = new HostRegistration(store, hostRecordOf(foundation, underlay), logger);
  started.push(registration);
  await registration.start();

  const records = new RecordReader(logger);
  const hosts = new HostsView(store, records);
  started.push(hosts);
  await hosts.start();

  const local = new LocalNetworks();
  await loadLocalState(store, hostId, local, records);

  const repairs = new RepairLog(logger);
  const guard = new TunnelGuard({ dataplane, hosts, local, repairs, logger });
  started.push(guard);
  hosts.onChange(() => guard.hint());
  guard.hint();

  const changed = (networkId: string) => zones.changed(networkId);
  const follower = new NetworkFollower({ store, dataplane, hosts, hostId, records, logger, changed });
  started.push(follower);
  zones.connect({
    endpointsOf: (networkId) => follower.endpointsOf(networkId),
    nameOf: (networkId) => local.findRecord(networkId)?.name,
    isAlive: (id) => id === hostId || hosts.isAlive(id),
  });
  hosts.onChange(() => zones.hostsChanged());

  const mtu = containerMtu(underlay);
  const specOf = ({ id, vni, multicast, mtu: asked }: NetworkRecord) => ({
    id,
    vni,
    multicast,
    mtu: asked ?? mtu,
  });
  await adoptKernelState({ dataplane, local, follower, specOf, logger });
  return { underlay, records, registration, hosts, local, follower, guard, repairs, specOf };
}

function createDriver(
  { config, logger, store, dataplane, hostId, resolvers }: Foundation,
  { underlay, records, hosts, local, follower, guard, specOf }: Forwarding,
  started: AsyncDisposable[],
): Driver {
  const ipam = new Ipam({
    store,
    records,
    host: { id: hostId, name: hostname() },
    defaultPools: config.defaultPools,
    restSeconds: config.restSeconds,
    reserves: {
      // The embedded store is never away.
      size: config.store === 'embedded' ? 0 : config.reserve,
      isPoolHere: (poolKey) =>
        local.listNetworks().some(({ record }) => record.pools.some((pool) => pool.poolKey === poolKey)),
      onFailure: (error) => logger.debug('cannot look after the reserves', { error: errorMessage(error) }),
    },
  });
  started.push(ipam);
  ipam.start();
  const background = (what: string, work: Promise<void>) => {
    work.catch((error: unknown) => logger.error(`cannot ${what}`, { error: errorMessage(error) }));
  };
  const sandboxes = new EndpointSandboxes(resolvers, logger);
  const mutex = new KeyedMutex();
  const parts = { store, hostId, local, dataplane, follower, sandboxes, mutex, specOf };
  const poolRequests = new PoolRequests();
  const deeds = new OwnDeeds();
  const removals = new Unfinished();
  started.push(removals);
  const endpoints = new Endpoints({ ...parts, addressBook: ipam.addressBook, removals, background });
  const networks = new Networks({
    ...parts,
    pools: poolBook(poolRequests, ipam),
    deeds,
    deleteEndpoint: (id) => endpoints.delete(id),
    largestMtu: containerMtu(underlay),
    gatewaySubnets: () => hosts.gatewaySubnets(),
    changed: () => guard.hint(),
  });
  return { networks, deeds, endpoints, sandboxes, ipam, poolRequests };
}

function startRepairs(
  { dataplane, resolvers, logger }: Foundation,
  { local, guard, repairs }: Forwarding,
  { sandboxes }: Driver,
  started: AsyncDisposable[],
): void {
  const drift = new DriftRepairs({
    dataplane,
    local,
    sandboxPathOf: (endpointId) => sandboxes.pathOf(endpointId),
    repairRules: (repaired, signal) => resolvers.repairRules(repaired, signal),
    suspectFilter: () => guard.suspect(),
    repairs,
    logger,
  });
  started.push(drift);
  drift.start();
}

async function startDockerAgents(
  { config, logger, store, dataplane, hostId, pluginId }: Foundation,
  { records, registration, hosts, local, follower }: Forwarding,
  { networks, deeds, endpoints, sandboxes, ipam, poolRequests }: Driver,
  started: AsyncDisposable[],
): Promise<DockerAgents> {
  // Loaded when containers' look-ups are served again: it takes a fifth of a start.
  const { DockerodeEngine } = await import('./docker/dockerode-engine.js');
  const engine = new DockerodeEngine(
    config.dockerHost,
    {},
    { id: pluginId, plain: config.plainName === 'on' },
  );
  const untie: MirrorParts['untie'] = (id, options) => networks.delete(id, options);
  const hostName = (id: string) => hosts.find(id)?.name ?? id;
  const docker = { store, engine, hostId, driver: OUR_DRIVER, records, logger };
  const addressSpace = ADDRESS_SPACES.local;
  const creations = new PoolCreations({ ...docker, pools: ipam, requests: poolRequests, addressSpace });
  await creations.resume();
  const onListed: MirrorParts['onListed'] = (dockerNetworks) => creations.note(dockerNetworks);
  const mirror = new Mirror({ ...docker, local, hostName, registration, deeds, untie, onListed });
  started.push(mirror);
  await mirror.start();

  const poolSweep = new PoolSweep({ ...docker, pools: ipam });
  started.push(poolSweep);
  poolSweep.start();

  const findEndpoint = (id: string) => local.findEndpoint(id);
  const findStored = ({ networkId, id }: EndpointRecord) => follower.findEndpoint(networkId, id);
  const names = new NamePublisher({ store, engine, findEndpoint, findStored, sandboxes, logger });
  started.push(names);
  names.start();

  const remove = (id: string) => endpoints.delete(id);
  const forgotten = new ForgottenEndpoints({ engine, dataplane, local, remove, logger });
  started.push(forgotten);
  forgotten.start();

  // Ended first of all: Docker may hold up a call of theirs until the next daemon has answered it.
  started.push({ [Symbol.asyncDispose]: async () => engine.close() });
  return { engine, mirror, poolSweep, names };
}

function poolBook(poolRequests: PoolRequests, ipam: Ipam): PoolBook {
  return {
    findRequested: (addressSpace, subnet, networkName) =>
      poolRequests.take(addressSpace, subnet, networkName),
    ownPoolKey: (networkId, subnet) =>
      formatPoolKey({ space: ADDRESS_SPACES.local, networkName: networkId, subnet: Prefix.parse(subnet) }),
    release: (poolId) => ipam.releasePool(poolId),
  };
}

function hostRecordOf({ config, hostId, version }: Foundation, underlay: Underlay): HostRecord {
  return {
    version: 1,
    id: hostId,
    name: hostname(),
    vtep: underlay.vtep,
    vxlanPort: config.vxlanPort,
    xnetVersion: version,
  };
}

/** Last made, first gone. */
async function disposeAll(parts: readonly AsyncDisposable[]): Promise<void> {
  for (const part of [...parts].reverse()) await part[Symbol.asyncDispose]();
}
