/** The policies of the cluster: read, applied, removed. */
import { isDeepStrictEqual } from 'node:util';
import { readAll } from '../../../admin/cluster.js';
import type { Answer } from '../../../admin/operations.js';
import { XnetError } from '../../../errors.js';
import { quoted } from '../../../inet/quoted.js';
import { keys } from '../../../model/keys.js';
import {
  documentOf,
  MOST_POLICIES,
  type PolicyDocument,
  policyRecord,
} from '../../../model/policy/policy.js';
import { formatRecord, parseRecord } from '../../../model/record.js';
import type { Store } from '../../../store/store.js';
import { asRead, transact } from '../../../store/transact.js';

export async function answerPolicies(store: Pick<Store, 'list'>): Promise<Answer<'policies'>> {
  const { records, isCurrent } = await readAll(store, keys.policies(), policyRecord);
  const items = records.map(documentOf).sort((one, other) => (one.policy < other.policy ? -1 : 1));
  return { asOf: isCurrent ? 'store' : 'last known', items };
}

/** All of them in one commit, or none. Throws INVALID, and the store's errors. */
export async function applyPolicies(
  store: Pick<Store, 'list' | 'commit'>,
  policies: readonly PolicyDocument[],
): Promise<Answer<'applyPolicies'>> {
  const twice = policies.find(({ policy }, i) => policies.findIndex((each) => each.policy === policy) < i);
  if (twice) throw new XnetError('INVALID', `policy ${twice.policy} is given twice; give each name once`);
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
    if (changed.length === 0) return { result: { items } };
    const conditions = policies.map(({ policy }) =>
      asRead(keys.policy(policy), stored.get(keys.policy(policy))),
    );
    const writes = changed.map((document) => ({
      put: keys.policy(document.policy),
      value: formatRecord({ version: 1 as const, ...document }),
    }));
    return { result: { items }, conditions, writes };
  });
}

/** Throws NOT_FOUND, and the store's errors. */
export async function removePolicy(
  store: Pick<Store, 'get' | 'commit'>,
  policy: string,
): Promise<Answer<'removePolicy'>> {
  const key = keys.policy(policy);
  return transact(store, async () => {
    const entry = await store.get(key);
    if (!entry) throw noPolicy(policy);
    return { result: { policy }, conditions: [asRead(key, entry)], writes: [{ remove: key }] };
  });
}

export function noPolicy(policy: string): XnetError {
  return new XnetError(
    'NOT_FOUND',
    `the cluster has no policy ${quoted(policy)}; \`xnet policy ls\` lists them`,
  );
}
