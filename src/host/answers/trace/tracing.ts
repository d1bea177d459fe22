import { z } from 'zod';
import { Cluster, readAll } from '../../../admin/cluster.js';
import type { Answer, Parameters } from '../../../admin/operations.js';
import { type Connection, findVerdict } from '../../../agent/policies/judge.js';
import { XnetError } from '../../../errors.js';
import { encryptedVtep } from '../../../inet/encrypted-vtep.js';
import { quoted } from '../../../inet/quoted.js';
import { type EndpointRecord, endpointRecord } from '../../../model/endpoint.js';
import { type HostRecord, hostRecord } from '../../../model/host.js';
import { keys } from '../../../model/keys.js';
import { type PolicyRecord, policyRecord } from '../../../model/policy/policy.js';
import { type End, endInDocker, findEnd, type Known } from '../../../trace/ends.js';
import { hostFacts } from '../../../trace/facts.js';
import { leavesByLan } from '../../../trace/lan-hops.js';
import { pathOf } from '../../../trace/paths.js';
import { addressesOf, type Common, commonNetwork, planLook, SOMEWHERE } from '../../../trace/plan.js';
import { type Probe, probeRows } from '../../../trace/probe-rows.js';
import { judgeHops, type Side, type Trace } from '../../../trace/trace.js';
import { knownReader } from '../known-reader.js';
import { livingOthers } from '../living-hosts.js';
import { type AskParts, askHost, askOthers } from './ask-host.js';
import { sendProbe } from './send-probe.js';
import { type InDocker, inDocker } from './steps.js';
import { exitOf, tracedNetwork } from './traced-network.js';

const NOT_ASKED = { refusal: 'not asked yet' };
const containersFound = z.array(inDocker);

interface Scene extends Known {
  readonly cluster: Cluster;
  readonly policies: readonly PolicyRecord[];
  readonly isCurrent: boolean;
}

/** `xnet trace`. Throws INVALID and NOT_FOUND for what nobody is called, and the store's errors. */
export async function traceWay(
  parts: AskParts,
  wanted: Parameters<'trace'>,
  vxlanPort: number,
): Promise<Answer<'trace'>> {
  if (wanted.protocol !== undefined && wanted.port === undefined)
    throw new XnetError('INVALID', `protocol ${wanted.protocol} is that of a port; give the port, too`);
  const scene = await readScene(parts);
  const [from, to] = await Promise.all([wanted.from, wanted.to].map((each) => resolve(parts, scene, each)));
  if (!from || !to) throw new XnetError('INTERNAL', 'an end is missing');
  if (from.kind === 'outside')
    throw new XnetError(
      'INVALID',
      'a trace begins at a container or a host; what is outside can only be its end',
    );
  if (to.kind === 'outside' && to.address === undefined && wanted.port !== undefined)
    throw new XnetError(
      'INVALID',
      `port ${wanted.port} is that of no address; give the address outside, as in 198.51.100.7:${wanted.port}`,
    );
  if (isSame(from, to))
    throw new XnetError(
      'INVALID',
      `${quoted(wanted.from)} and ${quoted(wanted.to)} are the same; give two ends`,
    );
  const network = wanted.network === undefined ? undefined : scene.cluster.getNetwork(wanted.network);
  const common = commonNetwork(from, to, scene.cluster.networks, network);
  const planned = planTrace(scene, wanted, from, to, common);
  const trace = await look(parts, planned);
  const probe = await probeOf(parts, trace, vxlanPort);
  const { hops } = pathOf(trace);
  return {
    asOf: scene.isCurrent ? 'store' : 'last known',
    ...{ from: wanted.from, to: wanted.to, protocol: trace.protocol },
    ...(trace.port !== undefined && { port: trace.port }),
    ...(trace.network && { network: trace.network.name }),
    hops: [...judgeHops(hops, trace), ...(probe ? probeRows(trace, probe) : [])],
  };
}

function isSame(from: End, to: End): boolean {
  if (from.kind === 'container') return to.kind === 'container' && from.container.id === to.container.id;
  return from.kind === 'host' && to.kind === 'host' && from.host.id === to.host.id;
}

async function readScene({ store: all }: AskParts): Promise<Scene> {
  const store = knownReader(all);
  const [cluster, endpoints, hosts, policies] = await Promise.all([
    Cluster.read(store),
    readAll(store, keys.endpoints(), endpointRecord),
    readAll(store, keys.hosts(), hostRecord),
    readAll(store, keys.policies(), policyRecord),
  ]);
  const isCurrent = [cluster, endpoints, hosts, policies].every((each) => each.isCurrent);
  const records = { endpoints: endpoints.records, hosts: hosts.records, policies: policies.records };
  return { cluster, ...records, isCurrent };
}

/** Containers that are in no network of the cluster are known to their Docker alone. */
async function resolve(parts: AskParts, scene: Scene, wanted: string): Promise<End> {
  const known = findEnd(wanted, scene);
  if (known) return known;
  const { hosts, refusals } = await livingOthers(parts.store, parts.hostId);
  const step = { step: 'find', wanted } as const;
  const { name: ownName = 'this host' } = scene.cluster.hostOf(parts.hostId);
  const own = { id: parts.hostId, name: ownName, state: 'alive' } as const;
  const ids = hosts.map(({ id }) => id);
  const [here, there] = await Promise.all([
    askHost(parts, own, step, containersFound),
    askOthers(parts, ids, step, containersFound),
  ]);
  const asked = [own, ...hosts];
  const found: (InDocker & { hostId: string })[] = [];
  const unasked = refusals.map(({ host, refusal }) => `${host}: ${refusal}`);
  for (const [index, answer] of [here, ...there].entries()) {
    const { id: hostId = '', name = '' } = asked[index] ?? {};
    if ('refusal' in answer) unasked.push(`${name}: ${answer.refusal}`);
    else found.push(...answer.found.map((each) => ({ ...each, hostId })));
  }
  return endInDocker(wanted, found, scene.hosts, unasked);
}

function planTrace(
  scene: Scene,
  { from: fromLabel, to: toLabel, port, protocol }: Parameters<'trace'>,
  from: End,
  to: End,
  common: Common | undefined,
): Trace {
  const given = to.kind === 'container' ? to.address : undefined;
  const addresses = common ? addressesOf(common, given) : { destination: destinationOf(to) };
  const name = to.kind === 'container' && to.isName && common ? to.container.name : undefined;
  const record = common?.network;
  const sent = {
    protocol: port === undefined ? 'icmp' : (protocol ?? 'tcp'),
    port: Number(port ?? 0),
  } as const;
  const said = common && saidByPolicies(scene, common, sent, [fromLabel, toLabel]);
  const isEncrypted = record?.protection?.encrypt === true;
  return {
    from: sideOf(scene, from, fromLabel, common?.from.id, isEncrypted),
    to: sideOf(scene, to, toLabel, common?.to.id, isEncrypted),
    ...addresses,
    protocol: sent.protocol,
    ...(port !== undefined && { port: sent.port }),
    ...(name !== undefined && { name }),
    ...(record && { network: tracedNetwork(scene.cluster, record) }),
    ...(said && { policy: said }),
    ...((to.kind !== 'container' || from.kind === 'host') &&
      exitOf(scene.cluster, from.kind === 'host' ? to : from, addresses.destination)),
  };
}

function saidByPolicies(
  { policies }: Scene,
  { network, from, to }: Common,
  sent: Pick<Connection, 'protocol' | 'port'>,
  [fromLabel, toLabel]: readonly [string, string],
) {
  const end = (name: string, { labels, addresses }: EndpointRecord) => ({ name, labels, addresses });
  return findVerdict({ ...sent, network, from: end(fromLabel, from), to: end(toLabel, to) }, policies);
}

function destinationOf(to: End): string {
  if (to.kind === 'host') return to.host.vtep;
  return (to.kind === 'outside' ? to.address : to.endpoints[0]?.addresses[0]) ?? SOMEWHERE;
}

function sideOf(
  scene: Scene,
  end: End,
  label: string,
  endpointId: string | undefined,
  isEncrypted: boolean,
): Side {
  if (end.kind === 'outside')
    return {
      label,
      host: { name: 'outside', state: 'unknown' },
      networks: [],
      facts: { refusal: 'it is outside of the cluster' },
    };
  const hostId = end.kind === 'host' ? end.host.id : end.container.hostId;
  const record: HostRecord | undefined = scene.hosts.find(({ id }) => id === hostId);
  const { name = hostId, state } = scene.cluster.hostOf(hostId);
  const host = { id: hostId, name, state, ...(record && { vtep: vtepOf(record, isEncrypted) }) };
  if (end.kind === 'host') return { label, host, networks: [], facts: NOT_ASKED };
  const endpoint = end.endpoints.find(({ id }) => id === endpointId);
  const networks = end.endpoints.map(({ networkId }) => scene.cluster.nameOf(networkId) ?? networkId);
  return { label, host, networks, container: end.container, facts: NOT_ASKED, ...(endpoint && { endpoint }) };
}

/** Of the network that is traced; an older xnet has none in encrypted ones. */
function vtepOf({ id, vtep, encryption: [inUse] = [] }: HostRecord, isEncrypted: boolean): string {
  return isEncrypted && inUse ? encryptedVtep(id, inUse.slot) : vtep;
}

async function look(parts: AskParts, planned: Trace): Promise<Trace> {
  const ask = async (side: Side): Promise<Side> => {
    if (side.host.id === undefined) return side;
    const answer = await askHost(
      parts,
      side.host,
      { step: 'look', look: planLook(side, planned) },
      hostFacts,
    );
    return { ...side, facts: 'found' in answer ? answer.found : answer };
  };
  const [from, to] = await Promise.all([ask(planned.from), ask(planned.to)]);
  return { ...planned, from, to };
}

/** undefined: they have no way to each other that a packet could go. */
async function probeOf(parts: AskParts, trace: Trace, vxlanPort: number): Promise<Probe | undefined> {
  if (pathOf(trace).points.length === 0) return undefined;
  const { to, from, network, destination } = trace;
  if (to.container && network) return sendProbe(parts, trace, vxlanPort, to.host.vtep ?? '');
  if (destination !== SOMEWHERE) return sendProbe(parts, trace, vxlanPort, destination);
  // What is outside is asked for by its first router, which answers an echo request.
  const { sandbox, gateway, underlay } = 'refusal' in from.facts ? {} : from.facts;
  const ways = leavesByLan(from, trace) ? [sandbox] : [gateway, underlay];
  const [found] = ways.flatMap((part) => (part && 'found' in part ? [part.found.way] : []));
  const router = found?.gateway;
  if (router === undefined) return { sights: [], refusal: 'this host has no router to send it to' };
  return sendProbe(parts, { ...trace, destination: router }, vxlanPort, router);
}
