import { HostProblems } from '../agent/hosts/host-problems.js';
import { catchUp } from '../agent/local/local-state.js';
import { Mirror } from '../agent/mirror/mirror.js';
import { gatewayDevice } from '../agent/mirror/mirror-copy.js';
import { ForeignHosts } from '../agent/names/foreign-hosts.js';
import { NamePublisher } from '../agent/names/name-publisher.js';
import { ForgottenEndpoints } from '../agent/pools/forgotten-endpoints.js';
import { PoolCreations } from '../agent/pools/pool-creations.js';
import { PoolSweep } from '../agent/pools/pool-sweep.js';
import type { DockerNetwork } from '../docker/engine.js';
import type { LocalNetworks } from '../driver/local-networks.js';
import { keys } from '../model/keys.js';
import { ADDRESS_SPACES } from '../model/pool.js';
import type { Driver } from './driver.js';
import type { Forwarding } from './forwarding.js';
import type { Foundation } from './foundation.js';
import { readOutwardMtu } from './outward.js';
import { type OwnProblemsParts, ownProblems } from './own-problems.js';
import { begin } from './started.js';

/** How long Docker must be without a network of swarm's until it is gone. One just being created is bound by its first endpoint. */
const GONE_FROM_SWARM_MS = 5_000;

/** The agents that keep Docker and the cluster equal. */
export type DockerAgents = Awaited<ReturnType<typeof startDockerAgents>>;

/** Begins to keep Docker and the cluster equal. What it starts is added to `started`. */
export async function startDockerAgents(
  { config, logger, dataplane, containers, labels, hostId, pluginId }: Foundation,
  {
    replica,
    records,
    registration,
    changes,
    hosts,
    clusterNetworks,
    bindings,
    local,
    isLocalFresh,
    follower,
    guard,
    parentWatch,
    policies,
  }: Forwarding,
  {
    networks,
    newNetworks,
    ownActions,
    endpoints,
    sandboxes,
    hostsFiles,
    labelsAhead,
    ipam,
    poolRequests,
    lans,
    deviceWatch,
    egressGuard,
  }: Driver,
  watches: Pick<OwnProblemsParts, 'addressWatch' | 'drift' | 'deniedFrames'>,
  started: AsyncDisposable[],
) {
  // Loaded after containers' queries are answered again: loading it takes a fifth of a start.
  const { DockerodeEngine } = await import('../docker/dockerode-engine.js');
  const engine = new DockerodeEngine(
    config.dockerHost,
    {},
    { id: pluginId, plain: config.plainName === 'on' },
  );
  labelsAhead.connect(engine);
  const store = replica;
  const docker = { store, bindings, clusterNetworks, engine, hostId, records, logger };
  const addressSpace = ADDRESS_SPACES.local;
  const creations = new PoolCreations({ ...docker, pools: ipam, requests: poolRequests, addressSpace });
  await creations.resume();
  let listed: readonly DockerNetwork[] = [];
  const onListed = (dockerNetworks: readonly DockerNetwork[]) => {
    listed = dockerNetworks;
    egressGuard.goesOutBy(gatewayDevice(dockerNetworks));
    creations.note(dockerNetworks);
  };
  /** By the last list of its networks. */
  const nameInDocker = (dockerNetworkId: string) => listed.find(({ id }) => id === dockerNetworkId)?.name;
  // When a host's Docker ends, swarm's networks end on it without an event; they are never noted as seen.
  const isGlobal = config.scope === 'global';
  const timing = isGlobal ? { unseenMs: GONE_FROM_SWARM_MS } : {};
  const guards = isGlobal ? replica.followValues(keys.bindingGuards()) : undefined;
  const outwardMtu = () => readOutwardMtu(dataplane.reading);
  const mirrored = { networks, hosts, registration, newNetworks, ownActions, guards, outwardMtu };
  const mirror = await begin(started, new Mirror({ ...docker, ...mirrored, onListed }, timing));
  const poolSweep = await begin(started, new PoolSweep({ ...docker, pools: ipam, registration }));

  containers.connect(({ network, networkId }) => findClusterNetwork(local, network, networkId));
  const named = { local, follower, sandboxes, hostsFiles, containers, labels };
  const names = await begin(started, new NamePublisher({ store, engine, ...named, logger }));
  await begin(started, new ForeignHosts({ ...docker, hostsFiles }));

  const ofHost = {
    follower,
    local,
    registration,
    changes,
    guard,
    parentWatch,
    policies,
    lans,
    deviceWatch,
    egressGuard,
  };
  const own = () => ownProblems({ ...ofHost, mirror, names, ...watches });
  const problems = await begin(started, new HostProblems({ replica, hostId, logger, own }));

  const catchingUp = catchUp({
    ...docker,
    local,
    registration,
    networks,
    endpoints,
    caughtUp: () => names.hintAll(),
  });
  if (!isLocalFresh) await begin(started, catchingUp);
  await begin(started, new ForgottenEndpoints({ engine, dataplane, local, registration, endpoints, logger }));

  // Added last, so ended first: Docker may hold up a call of the others until the next daemon has answered it.
  started.push({ [Symbol.asyncDispose]: async () => engine.close() });
  return { engine, mirror, poolSweep, names, problems, nameInDocker };
}

/** Until a container is started, Docker has for each of its networks only what the user gave: name or id. */
function findClusterNetwork(local: LocalNetworks, name: string, dockerNetworkId: string) {
  if (dockerNetworkId !== '') return local.findNetwork(dockerNetworkId)?.record;
  const named = local.listNetworks().find(({ record }) => record.name === name);
  return (local.findNetwork(name) ?? named)?.record;
}
