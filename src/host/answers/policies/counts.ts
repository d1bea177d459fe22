/** What the rules of a policy have met on all hosts. */
import { z } from 'zod';
import { Cluster, type Reader, readAll } from '../../../admin/cluster.js';
import type { Answer } from '../../../admin/operations.js';
import type { Handler } from '../../../agent/questions/answering.js';
import { endpointRecord } from '../../../model/endpoint.js';
import { keys } from '../../../model/keys.js';
import type { PolicyDocument } from '../../../model/policy/policy.js';
import type { Foundation } from '../../foundation.js';
import type { Host } from '../../host.js';
import { askEach } from '../ask-each.js';
import { knownReader } from '../known-reader.js';
import { livingOthers } from '../living-hosts.js';
import { answerPolicies, noPolicy } from './policies.js';
import { selectedBy } from './selected.js';

export const POLICY_COUNTS = 'policy counts';
const PATIENCE_MS = 5_000;

const wantedCounts = z.object({ policy: z.string() });
const counted = z.object({ hits: z.array(z.number()), denied: z.number() });
type Counted = z.infer<typeof counted>;

/** Answers other hosts. */
export function policyCountsHandler(
  host: () => Host | undefined,
  { policyDevice }: Pick<Foundation, 'policyDevice'>,
): Handler {
  return async function* (parameters) {
    yield countHere(policyDevice, host(), wantedCounts.parse(parameters).policy);
  };
}

/** A policy, with what it selects and what its rules have met. Throws NOT_FOUND, and the store's errors. */
export async function showPolicy(
  foundation: Foundation,
  host: Host | undefined,
  wanted: string,
): Promise<Answer<'policy'>> {
  const { store, hostId, policyDevice } = foundation;
  const reader = knownReader(store);
  const { items, asOf } = await answerPolicies(reader);
  const policy = items.find((each) => each.policy === wanted);
  if (!policy) throw noPolicy(wanted);
  const others = await livingOthers(store, hostId);
  const question = {
    kind: POLICY_COUNTS,
    parameters: { policy: wanted },
    hostIds: others.hosts.map(({ id }) => id),
  };
  const [replies, selected] = await Promise.all([
    question.hostIds.length > 0 ? askEach(foundation, question, counted, PATIENCE_MS) : [],
    listSelected(reader, policy),
  ]);
  const found = [
    countHere(policyDevice, host, wanted),
    ...replies.flatMap((each) => ('found' in each ? [each.found] : [])),
  ];
  const refusals = replies.flatMap((each, i) =>
    'refusal' in each ? [{ host: others.hosts[i]?.name ?? '', refusal: each.refusal }] : [],
  );
  return {
    ...{ asOf, policy, selected },
    hits: policy.allow.map((_, i) => sum(found.map(({ hits }) => hits[i] ?? 0))),
    denied: sum(found.map(({ denied }) => denied)),
    refusals: [...others.refusals, ...refusals],
  };
}

function countHere(device: Foundation['policyDevice'], host: Host | undefined, name: string): Counted {
  const counts = [...(host?.policies.inForce.keys() ?? [])].flatMap(
    (networkId) => device.count(networkId)?.policies.get(name) ?? [],
  );
  const most = Math.max(0, ...counts.map(({ hits }) => hits.length));
  return {
    hits: Array.from({ length: most }, (_, i) => sum(counts.map(({ hits }) => hits[i] ?? 0))),
    denied: sum(counts.map(({ denied }) => denied)),
  };
}

async function listSelected(reader: Reader, policy: PolicyDocument) {
  const [cluster, endpoints] = await Promise.all([
    Cluster.read(reader),
    readAll(reader, keys.endpoints(), endpointRecord),
  ]);
  return selectedBy(policy, cluster, endpoints.records).map(({ mode: _, ...selected }) => selected);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
