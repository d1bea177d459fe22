/** Policies are applied: all of them in one commit, or none; where they are not in force is said. */
import { isDeepStrictEqual } from 'node:util';
import { Cluster, type Reader, readAll } from '../../../admin/cluster.js';
import type { Answer } from '../../../admin/operations.js';
import { canEnforce, policiesIn } from '../../../agent/policies/network-rules.js';
import { FIRST_OWN_PORT } from '../../../dataplane/policy/policies.js';
import { errorMessage, XnetError } from '../../../errors.js';
import { quoted } from '../../../inet/quoted.js';
import { endpointRecord } from '../../../model/endpoint.js';
import { keys } from '../../../model/keys.js';
import { modeOf } from '../../../model/network.js';
import {
  documentOf,
  MOST_POLICIES,
  type PolicyDocument,
  parsePort,
  policyRecord,
} from '../../../model/policy/policy.js';
import { formatRecord, parseRecord } from '../../../model/record.js';
import type { Store } from '../../../store/store.js';
import { asRead, transact } from '../../../store/transact.js';
import { knownReader } from '../known-reader.js';
import { selectedBy } from './selected.js';

type Applied = Answer<'applyPolicies'>;

/** Throws INVALID, also for a policy of a network whose mode has no policies, and the store's errors. */
export async function applyPolicies(store: Store, policies: readonly PolicyDocument[]): Promise<Applied> {
  const twice = policies.find(({ policy }, i) => policies.findIndex((each) => each.policy === policy) < i);
  if (twice) throw new XnetError('INVALID', `policy ${twice.policy} is given twice; give each name once`);
  const reader = knownReader(store);
  const cluster = await Cluster.read(reader);
  for (const policy of policies) refuseIfUseless(policy, cluster);
  const items = await commit(store, policies);
  const notes = policies.flatMap(openRanges);
  return { items, notes, ...(await findNotInForce(reader, cluster, policies)) };
}

/** It could never be in force. In all networks one may be in force here, and not there. */
function refuseIfUseless(policy: PolicyDocument, { networks }: Cluster): void {
  const { network: name } = policy;
  const [network, ...others] = networks.filter((each) => policiesIn(each, [policy]).length > 0);
  if (name === undefined || !network || others.length > 0 || canEnforce(network)) return;
  throw new XnetError(
    'INVALID',
    `policy ${policy.policy} is of network ${quoted(name)}, which is of mode ${modeOf(network).kind}: policies are in force in overlays alone; ` +
      'make the network an overlay, or keep its containers apart by another network (docs/policy.md)',
  );
}

/** What is open there is not told from answers to the containers' own connections. */
function openRanges({ policy, allow }: PolicyDocument): string[] {
  const texts = new Set(allow.flatMap(({ ports }) => ports ?? []));
  return [...texts].flatMap((text) => {
    const range = parsePort(text);
    if (!range || range.first === range.last || range.last < FIRST_OWN_PORT) return [];
    return `policy ${policy}: connections that are open at ports of ${text} from ${FIRST_OWN_PORT} on go on until they end, also when the policy comes to forbid them; name such ports one by one`;
  });
}

function commit(
  store: Pick<Store, 'list' | 'commit'>,
  policies: readonly PolicyDocument[],
): Promise<Applied['items']> {
  return transact(store, async () => {
    const { entries } = await store.list(keys.policies(), { once: true });
    const stored = new Map(entries.map((entry) => [entry.key, entry]));
    const total = new Set([...stored.keys(), ...policies.map(({ policy }) => keys.policy(policy))]).size;
    if (total > MOST_POLICIES)
      throw new XnetError(
        'INVALID',
        `that makes ${total} policies, and there may be ${MOST_POLICIES}; remove some (xnet policy rm)`,
      );
    const items = policies.map((document) => {
      const entry = stored.get(keys.policy(document.policy));
      if (!entry) return { policy: document.policy, outcome: 'created' as const };
      const isSame = isDeepStrictEqual(documentOf(parseRecord(policyRecord, entry)), document);
      return { policy: document.policy, outcome: isSame ? ('unchanged' as const) : ('changed' as const) };
    });
    const changed = policies.filter((_, i) => items[i]?.outcome !== 'unchanged');
    if (changed.length === 0) return { result: items };
    const conditions = policies.map(({ policy }) =>
      asRead(keys.policy(policy), stored.get(keys.policy(policy))),
    );
    const writes = changed.map((document) => ({
      put: keys.policy(document.policy),
      value: formatRecord({ version: 1 as const, ...document }),
    }));
    return { result: items, conditions, writes };
  });
}

/** Never fails: they are applied, whatever can be said of it. */
async function findNotInForce(
  reader: Reader,
  cluster: Cluster,
  policies: readonly PolicyDocument[],
): Promise<Pick<Applied, 'notInForce' | 'unread'>> {
  try {
    return { notInForce: await listNotInForce(reader, cluster, policies) };
  } catch (error: unknown) {
    return { notInForce: [], unread: errorMessage(error) };
  }
}

/** Endpoints may be many, and most clusters have overlays alone. */
async function listNotInForce(
  reader: Reader,
  cluster: Cluster,
  policies: readonly PolicyDocument[],
): Promise<Applied['notInForce']> {
  if (cluster.networks.every(canEnforce)) return [];
  const { records } = await readAll(reader, keys.endpoints(), endpointRecord);
  return policies
    .filter(({ audit }) => audit !== true)
    .flatMap((policy) =>
      selectedBy(policy, cluster, records)
        .filter(({ isInForce }) => !isInForce)
        .map(({ isInForce: _, ...selected }) => ({ policy: policy.policy, ...selected })),
    );
}
