/** The policies of the cluster: read, removed. */
import { readAll } from '../../../admin/cluster.js';
import type { Answer } from '../../../admin/operations.js';
import { XnetError } from '../../../errors.js';
import { quoted } from '../../../inet/quoted.js';
import { keys } from '../../../model/keys.js';
import { documentOf, policyRecord } from '../../../model/policy/policy.js';
import type { Store } from '../../../store/store.js';
import { asRead, transact } from '../../../store/transact.js';

export async function answerPolicies(store: Pick<Store, 'list'>): Promise<Answer<'policies'>> {
  const { records, isCurrent } = await readAll(store, keys.policies(), policyRecord);
  const items = records.map(documentOf).sort((one, other) => (one.policy < other.policy ? -1 : 1));
  return { asOf: isCurrent ? 'store' : 'last known', items };
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
