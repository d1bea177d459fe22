/** Whether a container may reach another one: what the policies say, and what becomes of a packet that is really sent. */
import { Cluster, readAll } from '../../../admin/cluster.js';
import type { Answer, Parameters } from '../../../admin/operations.js';
import { judge } from '../../../agent/policies/judge.js';
import { XnetError } from '../../../errors.js';
import { quoted } from '../../../inet/quoted.js';
import { type EndpointRecord, endpointRecord } from '../../../model/endpoint.js';
import { keys } from '../../../model/keys.js';
import { knownReader } from '../known-reader.js';
import type { AskParts } from '../trace/ask-host.js';
import { traceWay } from '../trace/tracing.js';
import { answerPolicies } from './policies.js';

type Test = Answer<'testPolicy'>;

/** Throws NOT_FOUND where the two are in no network together, INVALID, and the store's errors. */
export async function testPolicy(
  parts: AskParts,
  wanted: Parameters<'testPolicy'>,
  vxlanPort: number,
): Promise<Test> {
  const reader = knownReader(parts.store);
  const [{ items: policies, asOf }, cluster, { records }] = await Promise.all([
    answerPolicies(reader),
    Cluster.read(reader),
    readAll(reader, keys.endpoints(), endpointRecord),
  ]);
  const [from, to] = [wanted.from, wanted.to].map((name) => findEndpoints(records, name)) as [
    EndpointRecord[],
    EndpointRecord[],
  ];
  const protocol = wanted.port === undefined ? 'icmp' : (wanted.protocol ?? 'tcp');
  const networks = from.flatMap((source) => {
    const target = to.find(({ networkId }) => networkId === source.networkId);
    const network = cluster.networks.find(({ id }) => id === source.networkId);
    if (!target || !network) return [];
    const end = (name: string, { labels, addresses }: EndpointRecord) => ({ name, labels, addresses });
    const ends = { from: end(wanted.from, source), to: end(wanted.to, target) };
    const port = Number(wanted.port ?? 0);
    const { verdict, why } = judge({ ...ends, network, protocol, port }, policies);
    return [{ network: cluster.nameOf(network.id) ?? network.id, verdict, why }];
  });
  if (networks.length === 0)
    throw new XnetError(
      'NOT_FOUND',
      `${quoted(wanted.from)} and ${quoted(wanted.to)} have no network in common`,
    );
  const { hops } = await traceWay(parts, wanted, vxlanPort);
  return { asOf, networks, probe: probeOf(hops) };
}

function findEndpoints(records: readonly EndpointRecord[], wanted: string): EndpointRecord[] {
  const found = records.filter(
    ({ names }) =>
      names !== undefined && (names.container === wanted || names.containerId.startsWith(wanted)),
  );
  if (found.length > 0) return found;
  throw new XnetError(
    'NOT_FOUND',
    `no container in a network of the cluster is called ${quoted(wanted)}; \`xnet endpoints\` lists them`,
  );
}

/** By the places at which the packet was looked for: it has passed when it was seen at the last, or was answered. */
function probeOf(hops: Answer<'trace'>['hops']): Test['probe'] {
  const rows = hops.filter(({ hop }) => hop.startsWith('probe:'));
  const answer = rows.at(-1);
  if (!answer) return { verdict: 'unknown', found: 'no packet was sent' };
  const lost = rows.slice(0, -1).find(({ verdict }) => verdict === 'fault');
  if (answer.verdict === 'ok' || answer.found === 'refused')
    return { verdict: 'passed', found: answer.found };
  if (lost && !lost.found.startsWith('the packet arrived'))
    return { verdict: 'lost', found: `${lost.hop}: ${lost.found}` };
  if (lost || answer.verdict === 'does not apply')
    return { verdict: 'passed', found: lost?.found ?? answer.found };
  return { verdict: answer.verdict === 'fault' ? 'lost' : 'unknown', found: answer.found };
}
