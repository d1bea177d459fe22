import { LabelsAhead } from '../agent/labels/labels-ahead.js';
import { KeyedMutex } from '../concurrency/keyed-mutex.js';
import { Unfinished } from '../concurrency/unfinished.js';
import { EndpointSandboxes } from '../dns/sandbox/endpoint-sandboxes.js';
import { ContainerDirectories, IN_A_PLUGIN, ON_THE_HOST } from '../docker/container-directories.js';
import { HostsFiles } from '../docker/hosts-files.js';
import { Endpoints } from '../driver/endpoints/endpoints.js';
import { onHost } from '../driver/networks/lan-plan.js';
import { mayBeMirrored, Networks } from '../driver/networks/networks.js';
import { NewNetworks } from '../driver/networks/new-networks.js';
import { OwnActions } from '../driver/networks/own-actions.js';
import { PoolRequests } from '../driver/pool-requests.js';
import { SwarmNetworks } from '../driver/swarm-networks.js';
import { errorMessage } from '../errors.js';
import type { LanMode, Mode } from '../model/mode.js';
import { createEgressGuard, driversEgress } from './egress.js';
import type { Forwarding } from './forwarding.js';
import type { Foundation } from './foundation.js';
import { startIpam } from './ipam.js';
import { listReachedAddresses } from './reached-addresses.js';
import { begin } from './started.js';

/** The parts that answer Docker's calls. */
export type Driver = Awaited<ReturnType<typeof createDriver>>;

/** Adds what it starts to `started`. */
export async function createDriver(
  foundation: Foundation,
  forwarding: Forwarding,
  started: AsyncDisposable[],
) {
  const { config, logger, dataplane, hostId, resolvers, pluginId } = foundation;
  const {
    replica: store,
    changes,
    hosts,
    local,
    follower,
    guard,
    policies,
    parentWatch,
    specOf,
    encryption,
  } = forwarding;
  const { ipam, lans, deviceWatch } = await startIpam(foundation, forwarding, started);
  const background = (what: string, work: Promise<void>) => {
    work.catch((error: unknown) => logger.error(`cannot ${what}`, { error: errorMessage(error) }));
  };
  const sandboxes = new EndpointSandboxes(resolvers, logger);
  const directories = new ContainerDirectories(pluginId === undefined ? ON_THE_HOST : IN_A_PLUGIN);
  const hostsFiles = new HostsFiles(directories, logger);
  const sandboxPathOf = (endpointId: string) => sandboxes.pathOf(endpointId);
  const egressGuard = await begin(started, createEgressGuard(foundation, forwarding, sandboxPathOf));
  const egress = driversEgress(egressGuard, sandboxPathOf);
  const mutex = new KeyedMutex();
  const newNetworks = new NewNetworks();
  // The earlier daemon may have ended just after it created them.
  for (const { dockerNetworkId, record } of local.listNetworks())
    if (mayBeMirrored(record)) newNetworks.add(dockerNetworkId);
  const hostName = (id: string) => hosts.nameOf(id);
  const parts = {
    ...{ store, hostId, hostName, local, dataplane, follower },
    ...{ sandboxes, hostsFiles, egress, mutex, newNetworks, specOf },
    requireEncryption: async (vni?: number) => {
      await encryption.require();
      if (vni !== undefined) await guard.require(vni);
    },
  };
  const poolRequests = new PoolRequests();
  const ownActions = new OwnActions();
  const removals = new Unfinished();
  started.push(removals);
  const isGlobal = config.scope === 'global';
  const adoptNetwork = (id: string): Promise<void> => networks.adopt(id);
  const addressBook = ipam.addressBook;
  const reached = () => listReachedAddresses(hosts);
  const endpointsOf = (networkId: string) => follower.endpointsOf(networkId);
  const { labels } = foundation;
  const isRuled = (networkId: string) => policies.isRuled(networkId);
  const labelsAhead = new LabelsAhead({ store, local, follower, labels, isRuled, logger });
  const published = { policies, labels: labelsAhead };
  const ofEndpoints = { addressBook, endpointsOf, adoptNetwork, removals, background, ...published };
  const endpoints = new Endpoints({ ...parts, ...ofEndpoints });
  const common = {
    store,
    pools: ipam,
    poolRequests,
    largestMtu: (mode?: Mode, isEncrypted = false) =>
      dataplane.containerMtu(isEncrypted ? encryption.underlay : changes.underlay, mode),
    encryptAll: config.encryptAll === 'on',
    // Creation makes the VLAN's interface as little as the overlay's.
    findParent: (mode: LanMode) => dataplane.lanParent({ ...onHost(mode, config.parents), vlan: undefined }),
    gatewaySubnets: () => hosts.gatewaySubnets(),
    hostName,
    reached,
    hostRoutes: () => dataplane.reading.listRoutes(),
  };
  const networks = new Networks({
    ...parts,
    ...common,
    isGlobal,
    ownActions,
    deleteEndpoint: (id) => endpoints.delete(id),
    changed: () => {
      guard.hint();
      encryption.hint();
      parentWatch.hint();
    },
  });
  const swarmNetworks = new SwarmNetworks({ ...parts, ...common });
  const networkDriver = { networks, newNetworks, swarmNetworks, endpoints };
  return {
    ...networkDriver,
    ownActions,
    sandboxes,
    hostsFiles,
    labelsAhead,
    egressGuard,
    ipam,
    lans,
    deviceWatch,
    poolRequests,
    reached,
  };
}
