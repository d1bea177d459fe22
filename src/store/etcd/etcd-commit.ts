/** A commit as etcd's transaction, and back. Pure. */
import type { ICompare, IRequestOp, ITxnRequest, ITxnResponse } from 'etcd3';
import type { CommitResult, Condition, Write } from '../store.js';
import type { EtcdKeys } from './etcd-keys.js';

export function formatTransaction(
  keys: EtcdKeys,
  conditions: readonly Condition[],
  writes: readonly Write[],
): ITxnRequest {
  const conditionKeys = [...new Set(conditions.map(({ key }) => key))];
  return {
    compare: conditions.map((condition) => formatCondition(keys, condition)),
    success: writes.map((write) => formatWrite(keys, write)),
    failure: conditionKeys.map((key) => keys.readOperation(key)),
  };
}

export function parseOutcome(keys: EtcdKeys, response: ITxnResponse): CommitResult {
  const revision = Number(response.header.revision);
  if (response.succeeded) return { committed: true, revision };
  const found = response.responses.flatMap(({ response_range }) => response_range.kvs);
  return { committed: false, revision, found: found.map((kv) => keys.entry(kv)) };
}

/** etcd compares a missing key as one whose revisions are 0. */
function formatCondition(keys: EtcdKeys, condition: Condition): ICompare {
  const key = keys.key(condition.key);
  switch (condition.is) {
    case 'absent':
      return { key, target: 'Create', result: 'Equal', create_revision: 0 };
    case 'present':
      return { key, target: 'Create', result: 'Greater', create_revision: 0 };
    case 'at':
      return { key, target: 'Mod', result: 'Equal', mod_revision: condition.revision };
  }
}

function formatWrite(keys: EtcdKeys, write: Write): IRequestOp {
  if ('remove' in write) return { request_delete_range: { key: keys.key(write.remove) } };
  if ('removePrefix' in write) return { request_delete_range: keys.range(write.removePrefix) };
  const put = { key: keys.key(write.put), value: Buffer.from(write.value) };
  return { request_put: write.lease === undefined ? put : { ...put, lease: write.lease.id } };
}
