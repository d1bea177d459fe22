/** Gathers what `xnet status` shows. */
import { hostname } from 'node:os';
import type { Readiness } from './concurrency/readiness.js';
import type { SandboxResolvers } from './dns/resolvers.js';
import { errorMessage } from './errors.js';
import type { Host } from './host/host.js';
import { reachProblems } from './host/reached-addresses.js';
import { isSameFamily } from './inet/ip-address.js';
import type { HeldSockets } from './keeper/held-sockets.js';
import type { NetworkStatus, Status } from './server/admin.js';
import { keys } from './store/keys.js';
import type { Store } from './store/store.js';

export interface StatusSources {
  readonly readiness: Readiness<Host>;
  readonly store: Store;
  readonly sockets: HeldSockets;
  readonly resolvers: SandboxResolvers;
  readonly hostId: string;
  readonly version: string;
}

/** Answers whatever is down; what is down is among its problems. */
export async function readStatus(sources: StatusSources): Promise<Status> {
  const { readiness, store, sockets, resolvers, hostId, version } = sources;
  const host = readiness.value;
  const storeStatus = await probeStore(store, hostId);
  const problems = [
    readiness.problem ?? (host ? undefined : 'still starting'),
    storeStatus.problem,
    ...(host ? hostProblems(host, hostId) : []),
    ...(host ? await reachProblems(host) : []),
  ];
  return {
    version,
    host: { id: hostId, name: hostname(), ...host?.underlay },
    store: storeStatus,
    ...(host && { docker: dockerStatus(host) }),
    names: { ...resolvers.status(), unpublished: host?.names.failures ?? 0 },
    repairs: host?.repairs.counts ?? {},
    ...(sockets.keeper && { keeper: sockets.keeper }),
    problems: [...new Set(problems.filter((problem) => problem !== undefined))],
    networks: host?.local.listNetworks().map((network) => networkStatus(host, network)) ?? [],
    peers: listPeers(host, hostId),
  };
}

function hostProblems(host: Host, hostId: string): string[] {
  const { records, mirror, poolSweep } = host;
  return [
    ...records.problems,
    ...followProblems(host),
    ...mirror.problems,
    ...poolSweep.problems,
    ...namesProblems(host),
    ...familyProblems(host, hostId),
  ];
}

function dockerStatus({ engine: { state } }: Host): NonNullable<Status['docker']> {
  return state.connected ? { version: state.version } : { problem: state.reason };
}

function followProblems({ follower, local }: Host): string[] {
  return follower.failures.map(({ networkId, reason }) => {
    const name = local.findRecord(networkId)?.name ?? networkId;
    return `this host's forwarding of network ${name} is not up to date: ${reason}`;
  });
}

function namesProblems({ names: { failures: unpublished } }: Host): string[] {
  return unpublished === 0
    ? []
    : [`the names of ${unpublished} containers of this host are not known to the others; the log says why`];
}

function familyProblems({ hosts, underlay }: Host, hostId: string): string[] {
  return hosts
    .list()
    .flatMap(({ host: { id, name, vtep } }) =>
      id !== hostId && !isSameFamily(vtep, underlay.vtep)
        ? [
            `no traffic with host ${name}: its VTEP ${vtep} is of another address family than ${underlay.vtep}; set --vtep alike`,
          ]
        : [],
    );
}

async function probeStore(store: Store, hostId: string): Promise<Status['store']> {
  const started = performance.now();
  try {
    await store.get(keys.host(hostId));
    if (store.problem !== undefined) return { description: store.description, problem: store.problem };
    return { description: store.description, answerMs: Math.round(performance.now() - started) };
  } catch (error: unknown) {
    return { description: store.description, problem: errorMessage(error) };
  }
}

function networkStatus(
  host: Host,
  { record, dockerNetworkId }: ReturnType<Host['local']['getNetwork']>,
): NetworkStatus {
  const endpoints = host.local
    .listEndpoints(record.id)
    .filter((endpoint) => endpoint.dockerNetworkId === dockerNetworkId);
  return {
    id: record.id,
    ...(record.name !== undefined && { name: record.name }),
    vni: record.vni,
    mtu: host.specOf(record).mtu,
    subnets: record.pools.map(({ subnet }) => subnet),
    dockerNetworkId,
    endpoints: endpoints.map(({ id, addresses, mac }) => ({ id, addresses, mac })),
  };
}

function listPeers(host: Host | undefined, hostId: string): Status['peers'] {
  const others = host?.hosts.list().filter((each) => each.host.id !== hostId) ?? [];
  return others.map((each) => ({ name: each.host.name, vtep: each.host.vtep, alive: each.alive }));
}
