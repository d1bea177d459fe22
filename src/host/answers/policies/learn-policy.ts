/** The policies that today's traffic of a network needs, by the connections that begin on all hosts within a time. */
import { z } from 'zod';
import { Cluster, readAll } from '../../../admin/cluster.js';
import type { Answer, Parameters } from '../../../admin/operations.js';
import { policiesFromTraffic, type SeenConnection } from '../../../agent/policies/policies-from-traffic.js';
import type { Handler } from '../../../agent/questions/answering.js';
import { LinkedAbort } from '../../../concurrency/linked-abort.js';
import type { SeenFrames } from '../../../dataplane/policy/policies.js';
import { XnetError } from '../../../errors.js';
import { type EndpointRecord, endpointRecord } from '../../../model/endpoint.js';
import { keys } from '../../../model/keys.js';
import { modeOf } from '../../../model/network.js';
import type { Foundation } from '../../foundation.js';
import { askEach, type Reply } from '../ask-each.js';
import { knownReader } from '../known-reader.js';
import { livingOthers } from '../living-hosts.js';

export const LEARN = 'learn connections';
const DEFAULT_SECONDS = 30;
/** Beyond the time itself. */
const PATIENCE_MS = 10_000;

const wantedLearning = z.object({
  networkId: z.string().regex(/^[0-9a-f]{12}$/),
  ms: z.number().int().min(1).max(3_600_000),
});
const seen = z.array(
  z.object({
    fromMac: z.string(),
    toMac: z.string(),
    protocol: z.string(),
    port: z.number(),
    packets: z.number(),
  }),
);

/** Answers other hosts. */
export function learnHandler({ policyDevice }: Pick<Foundation, 'policyDevice'>): Handler {
  return async function* (parameters, signal) {
    const { networkId, ms } = wantedLearning.parse(parameters);
    yield await policyDevice.learn(networkId, ms, signal);
  };
}

/** Throws NOT_FOUND, INVALID for a network without policies, STOPPING when `signal` aborts, KERNEL, and the store's errors. */
export async function learnPolicy(
  foundation: Foundation,
  { network: wanted, seconds = `${DEFAULT_SECONDS}` }: Parameters<'learnPolicy'>,
  signal?: AbortSignal,
): Promise<Answer<'learnPolicy'>> {
  const { store, hostId } = foundation;
  const reader = knownReader(store);
  const cluster = await Cluster.read(reader);
  const network = cluster.getNetwork(wanted);
  const { kind } = modeOf(network);
  if (kind !== 'overlay')
    throw new XnetError(
      'INVALID',
      `${wanted} is of mode ${kind}, and policies are of overlays; docs/policy.md says what holds where`,
    );
  const parameters = { networkId: network.id, ms: Number(seconds) * 1_000 };
  const others = await livingOthers(store, hostId);
  const question = { kind: LEARN, parameters, hostIds: others.hosts.map(({ id }) => id) };
  const [own, replies] = await watchAll(foundation, question, signal);
  const frames = [...own, ...replies.flatMap((each) => ('found' in each ? each.found : []))];
  const endpoints = await readAll(reader, keys.endpointsOf(network.id), endpointRecord);
  const name = cluster.nameOf(network.id) ?? network.id;
  const refusals = replies.flatMap((each, i) =>
    'refusal' in each ? [{ host: others.hosts[i]?.name ?? '', refusal: each.refusal }] : [],
  );
  return {
    ...policiesFromTraffic(name, connectionsOf(frames, endpoints.records)),
    seconds: Number(seconds),
    refusals: [...others.refusals, ...refusals],
  };
}

/** What this host has noted, and the others. Where this one cannot, the others need not go on. */
async function watchAll(
  foundation: Foundation,
  question: { kind: string; parameters: { networkId: string; ms: number }; hostIds: string[] },
  signal?: AbortSignal,
): Promise<[own: readonly SeenFrames[], replies: Reply<SeenFrames[]>[]]> {
  using stop = new LinkedAbort(signal ? [signal] : []);
  const { networkId, ms } = question.parameters;
  const own = foundation.policyDevice.learn(networkId, ms, stop.signal);
  const others =
    question.hostIds.length > 0 ? askEach(foundation, question, seen, ms + PATIENCE_MS, stop.signal) : [];
  try {
    const watched = await Promise.all([own, others]);
    if (signal?.aborted) throw new XnetError('STOPPING', "xnet's daemon stops; ask the next one");
    return watched;
  } finally {
    stop.abort();
  }
}

/** To and from what is no container of the network nobody can be named. */
function connectionsOf(
  frames: readonly SeenFrames[],
  endpoints: readonly EndpointRecord[],
): SeenConnection[] {
  const byMac = new Map(endpoints.map((each) => [each.mac, each]));
  const end = ({ names, id, labels = {} }: EndpointRecord) => ({
    name: names?.container ?? id.slice(0, 12),
    labels,
  });
  return frames.flatMap(({ fromMac, toMac, protocol, port }) => {
    const [from, to] = [byMac.get(fromMac), byMac.get(toMac)];
    return from && to ? [{ from: end(from), to: end(to), protocol, port }] : [];
  });
}
