/** `xnet status` while no daemon answers: what is down, and what goes on without it. */
import { hostname } from 'node:os';
import { readAll } from '../admin/cluster.js';
import { modeAnswer } from '../admin/mode-answer.js';
import type { NetworkStatus, PeerStatus, Status } from '../admin/status-answer.js';
import type { FoundDevices } from '../dataplane/overlay/find-devices.js';
import { errorMessage, isXnetError } from '../errors.js';
import { bindingRecord } from '../model/binding.js';
import { type EndpointRecord, endpointRecord } from '../model/endpoint.js';
import { type HostRecord, hostRecord } from '../model/host.js';
import { keys } from '../model/keys.js';
import { type NetworkRecord, networkRecord } from '../model/network.js';
import type { StoreMember } from '../store/store.js';
import type { OfflineParts } from './parts.js';
import { askDocker, askMembers, findAllDevices } from './surroundings.js';
import { describeUnit } from './unit.js';

const EVENTS_SHOWN = 5;
const NO_NAMES = { sandboxes: 0, answered: 0, forwarded: 0, dropped: 0, failedInstalls: 0, unpublished: 0 };

/** Takes as long as the slowest of etcd and Docker, a few seconds at most. Throws the file system's errors. */
export async function readOfflineStatus(parts: OfflineParts): Promise<Status> {
  const { config, configProblem, known, reason, version } = parts;
  const [docker, store, unit, events, networks, hosts] = await Promise.all([
    askDocker(config),
    storeStatus(parts),
    describeUnit(),
    known.events(''),
    readNetworks(parts),
    readHosts(parts),
  ]);
  const devices = await findAllDevices(networks.map(({ id }) => id));
  const own = hosts.find(({ id }) => id === known.hostId);
  const knownAt = known.knownAt?.toISOString();
  return {
    version,
    withoutDaemon: {
      ...(knownAt !== undefined && { knownAt }),
      ...(unit !== undefined && { unit }),
      forwarding: networks.flatMap(({ id }) => (devices.get(id)?.forwards ? id : [])),
      events: events.slice(-EVENTS_SHOWN),
    },
    host: { id: known.hostId, name: hostname(), ...(own && { vtep: own.vtep }) },
    ...{ store, docker, names: { ...NO_NAMES, lastFailures: [] }, repairs: {} },
    problems: [
      reason,
      ...(configProblem === undefined ? [] : [configProblem]),
      ...(store.problem === undefined ? [] : [store.problem]),
      ...('problem' in docker ? [`${docker.problem}; start it: systemctl start docker`] : []),
      ...networks.flatMap((network) => forwardingProblem(network, devices.get(network.id))),
    ],
    networks: networks.map((network) => ({ ...network, ...mtuOf(devices.get(network.id)) })),
    peers: hosts.filter(({ id }) => id !== known.hostId).map(peerStatus),
  };
}

function mtuOf(found: FoundDevices | undefined) {
  return found?.mtu === undefined ? {} : { mtu: found.mtu };
}

/** A network without containers here needs nothing in the kernel. */
function forwardingProblem(
  { id, name, mode, endpoints }: NetworkStatus,
  found: FoundDevices | undefined,
): string[] {
  if (mode !== 'overlay' || found?.forwards || endpoints.length === 0) return [];
  const network = name ?? id;
  const what = found ? 'is not up' : 'is not there';
  return [
    `containers of network ${network} on this host are cut off: its bridge or VXLAN device ${what}; xnet makes it anew when it starts`,
  ];
}

async function storeStatus({ config, known }: OfflineParts): Promise<Status['store']> {
  const description = known.store;
  try {
    const members = await askMembers(config, description);
    return { description, ...(members && answerOf(description, members)) };
  } catch (error: unknown) {
    if (isXnetError(error, 'UNSUPPORTED')) return { description };
    return { description, problem: errorMessage(error) };
  }
}

/** One member that answers does for all. */
function answerOf(description: string, members: readonly StoreMember[]) {
  const times = members.flatMap(({ problem, answerMs }) => (problem === undefined ? (answerMs ?? []) : []));
  if (times.length > 0) return { answerMs: Math.min(...times) };
  const reasons = members.map(({ url, problem }) => `${url}: ${problem}`).join('; ');
  return { problem: `${description} does not answer (${reasons}): start it, or let this host reach it` };
}

/** Those that this host's Docker has. */
async function readNetworks({ known: { reader, hostId } }: OfflineParts): Promise<NetworkStatus[]> {
  const [bindings, records, endpoints] = await Promise.all([
    readAll(reader, keys.bindingsOfHost(hostId), bindingRecord),
    readAll(reader, keys.networks(), networkRecord),
    readAll(reader, keys.endpointsOfHost(hostId), endpointRecord),
  ]);
  const networks = new Map(records.records.map((record) => [record.id, record]));
  return bindings.records.flatMap(({ networkId, dockerNetworkId, seen }) => {
    const record = networks.get(networkId);
    const own = endpoints.records.filter((each) => each.dockerNetworkId === dockerNetworkId);
    return record ? networkStatus(record, dockerNetworkId, seen?.name, own) : [];
  });
}

function networkStatus(
  record: NetworkRecord,
  dockerNetworkId: string,
  nameInDocker: string | undefined,
  endpoints: readonly EndpointRecord[],
): NetworkStatus {
  const { id, pools } = record;
  const name = record.name ?? nameInDocker;
  return {
    ...{ id, ...modeAnswer(record), dockerNetworkId, subnets: pools.map(({ subnet }) => subnet) },
    ...(name !== undefined && { name }),
    endpoints: endpoints.map(({ id, names, addresses, mac }) => ({
      ...{ id, addresses, mac },
      ...(names && { container: names.container }),
    })),
  };
}

async function readHosts({ known }: OfflineParts): Promise<readonly HostRecord[]> {
  return (await readAll(known.reader, keys.hosts(), hostRecord)).records;
}

/** Who is alive is not among what is known. */
function peerStatus({ name, vtep }: HostRecord): PeerStatus {
  return { name, vtep, alive: false, state: 'unknown' };
}
