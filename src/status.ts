/** Gathers what `xnet status` shows. */
import { hostname } from 'node:os';
import { modeAnswer } from './admin/mode-answer.js';
import { readSetAside } from './admin/set-aside.js';
import type { NetworkStatus, PeerStatus, Status } from './admin/status-answer.js';
import type { Readiness } from './concurrency/readiness.js';
import { errorMessage } from './errors.js';
import type { Foundation } from './host/foundation.js';
import type { Host } from './host/host.js';
import { othersProblems, ownProblems, socketProblem } from './host/own-problems.js';
import { encryptionAnswers, findEncryptionProblems } from './host/paths/encryption.js';
import { findPairProblems, pairAnswers } from './host/paths/pairs.js';
import { findPathProblems, pathAnswers } from './host/paths/paths.js';
import { reachProblems, routedProblems } from './host/reached-addresses.js';
import { isSameFamily } from './inet/ip-address.js';
import { keys } from './model/keys.js';
import type { NetworkRecord } from './model/network.js';
import type { Store } from './store/store.js';

/** Longer than a restart or an upgrade of xnet takes, also on a loaded machine. */
const TOLERATED_SILENCE_MS = 10_000;

/** Never rejects for a part that is down: that part is among the problems. */
export async function readStatus(foundation: Foundation, readiness: Readiness<Host>): Promise<Status> {
  const { config, store, sockets, resolvers, hostId, version } = foundation;
  const host = readiness.value;
  await host?.encryption.refresh();
  await host?.parentWatch.refresh().catch(() => undefined);
  const storeStatus = await probeStore(store, hostId);
  const problems = [
    readiness.problem ?? (host ? undefined : 'still starting'),
    storeStatus.problem,
    store.diskProblem,
    upgradeProblem(sockets),
    await socketProblem(config.socket),
    ...(host ? hostProblems(host, store, hostId) : []),
    ...(host ? findPathProblems(foundation, host) : []),
    ...(host ? findPairProblems(host) : []),
    ...(host ? findEncryptionProblems(host) : []),
    ...(host ? await reachProblems(host) : []),
    ...(host ? await routedProblems(foundation.dataplane.reading, host) : []),
  ];
  return {
    version,
    host: { id: hostId, name: hostname(), ...host?.changes.underlay },
    store: storeStatus,
    ...(host && { docker: dockerStatus(host) }),
    names: { ...resolvers.status(), unpublished: host?.names.failures ?? 0 },
    repairs: host?.repairs.counts ?? {},
    ...(sockets.keeper && { keeper: sockets.keeper }),
    problems: [...new Set(problems.filter((problem) => problem !== undefined))],
    networks: host ? await networkStatuses(host, store) : [],
    peers: host ? listPeers(host, store, hostId) : [],
  };
}

function hostProblems(host: Host, store: Store, hostId: string): string[] {
  const { records, poolSweep, hostsFiles, outwardWatch } = host;
  return [
    ...records.problems,
    ...ownProblems(host),
    ...poolSweep.problems,
    ...outwardWatch.problems,
    ...(hostsFiles.problem === undefined ? [] : [hostsFiles.problem]),
    ...familyProblems(host, hostId),
    ...listPeers(host, store, hostId).flatMap(silenceProblem),
    ...othersProblems(host, hostId).map(({ text }) => text),
  ];
}

function upgradeProblem({ keeper }: Foundation['sockets']): string | undefined {
  if (!keeper?.refusedUpgrade) return undefined;
  const { reason, at } = keeper.refusedUpgrade;
  return `the reload at ${at} was refused, and xnet goes on as it was started: ${reason.replace(/\.?$/, '.')} Set it right and reload again; \`xnet serve --check\` tells whether it is right`;
}

function dockerStatus({ engine: { state } }: Host): NonNullable<Status['docker']> {
  return state.connected ? { version: state.version } : { problem: state.reason };
}

function familyProblems({ hosts, changes: { underlay } }: Host, hostId: string): string[] {
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

function networkStatuses(host: Host, store: Store): Promise<NetworkStatus[]> {
  const withSetAside = async (network: LocalNetwork) => {
    const status = networkStatus(host, network);
    if (status.parent === undefined) return status;
    // While the store is away and nothing is known of them: none.
    const setAside = await readSetAside(store, network.record).catch(() => []);
    return { ...status, setAside };
  };
  return Promise.all(host.local.listNetworks().map(withSetAside));
}

type LocalNetwork = ReturnType<Host['local']['getNetwork']>;

function networkStatus(host: Host, { record, dockerNetworkId }: LocalNetwork): NetworkStatus {
  const endpoints = host.local
    .listEndpoints(record.id)
    .filter((endpoint) => endpoint.dockerNetworkId === dockerNetworkId);
  const name = record.name ?? host.nameInDocker(dockerNetworkId);
  // As the store has them: their names come after they were created.
  const published = host.follower.endpointsOf(record.id) ?? [];
  const containers = new Map(published.map(({ id, names }) => [id, names?.container]));
  return {
    id: record.id,
    ...(name !== undefined && { name }),
    ...modeAnswer(record),
    ...mtuOf(host, record),
    subnets: record.pools.map(({ subnet }) => subnet),
    dockerNetworkId,
    endpoints: endpoints.map(({ id, addresses, mac }) => {
      const container = containers.get(id);
      return { id, ...(container !== undefined && { container }), addresses, mac };
    }),
  };
}

/** On a LAN it is the interface's of the host; where that is missing, nobody knows. */
function mtuOf(host: Host, record: NetworkRecord): { readonly mtu?: number } {
  if (record.mtu !== undefined || modeAnswer(record).parent === undefined)
    return { mtu: host.specOf(record).mtu };
  const { mtu } = host.parentWatch.findParent(record.id) ?? {};
  return mtu === undefined ? {} : { mtu };
}

function listPeers(host: Host, store: Store, hostId: string): PeerStatus[] {
  const { awaySince } = store;
  const others = host.hosts.list().filter((each) => each.host.id !== hostId);
  const [paths, pairs, encryptions] = [pathAnswers(host), pairAnswers(host), encryptionAnswers(host)];
  return others.map(({ host: { id, name, vtep }, alive }) => {
    const pair = pairs.get(id);
    const encryption = encryptions.get(id);
    const known = { name, vtep, ...(pair && { pair }), ...(encryption && { encryption }) };
    if (awaySince) return { ...known, alive: false, state: 'unknown', since: iso(awaySince) };
    if (alive) {
      const path = paths.get(id);
      return { ...known, alive, state: 'alive', ...(path && { path }) };
    }
    const { since, before } = host.hosts.silence(id);
    const times = { ...(since && { since: iso(since) }), ...(before && { before: iso(before) }) };
    return { ...known, alive, state: 'silent', ...times };
  });
}

function silenceProblem({ name, vtep, state, since, before }: PeerStatus): string[] {
  const noticed = Date.parse(since ?? before ?? '');
  if (state !== 'silent' || Date.now() - noticed < TOLERATED_SILENCE_MS) return [];
  const time = since ?? `before ${before}`;
  return [
    `host ${name} (${vtep}) is silent since ${time}: start xnet there, or see that it reaches the store; one that will not come back is removed with \`xnet host rm ${name}\``,
  ];
}

/** To the second. */
function iso(time: Date): string {
  return time.toISOString().replace(/\.\d+/, '');
}
