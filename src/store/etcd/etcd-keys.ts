/** Translates between the store's keys, entries and commits, and etcd's, whose keys are bytes and begin with the operator's prefix. */
import type { ICompare, IKeyValue, IRequestOp, ITxnRequest, ITxnResponse } from 'etcd3';
import type { CommitResult, Condition, Entry, Write } from '../store.js';

export class EtcdKeys {
  readonly #prefixBytes: number;

  constructor(private readonly prefix: string) {
    this.#prefixBytes = Buffer.byteLength(prefix);
  }

  key(key: string): Buffer {
    return Buffer.from(this.prefix + key);
  }

  /** Everything under `prefix`. */
  range(prefix: string): { key: Buffer; range_end: Buffer } {
    const key = this.key(prefix);
    return key.length === 0 ? { key: ZERO, range_end: ZERO } : { key, range_end: endOfPrefix(key) };
  }

  /** The first key after one of etcd's. */
  after(key: Buffer): Buffer {
    return Buffer.concat([key, ZERO]);
  }

  /** Our key of one of etcd's. Not a slice of a string, which would keep the whole in memory. */
  ours(key: Buffer): string {
    return key.toString('utf8', this.#prefixBytes);
  }

  entry(kv: IKeyValue): Entry {
    return {
      key: this.ours(kv.key),
      value: kv.value.toString(),
      revision: Number(kv.mod_revision),
      createRevision: Number(kv.create_revision),
    };
  }

  transaction(conditions: readonly Condition[], writes: readonly Write[]): ITxnRequest {
    const conditionKeys = [...new Set(conditions.map(({ key }) => key))];
    return {
      compare: conditions.map((condition) => this.#compare(condition)),
      success: writes.map((write) => this.#write(write)),
      failure: conditionKeys.map((key) => ({ request_range: { key: this.key(key) } })),
    };
  }

  result(response: ITxnResponse): CommitResult {
    const revision = Number(response.header.revision);
    if (response.succeeded) return { committed: true, revision };
    const found = response.responses.flatMap(({ response_range }) => response_range.kvs);
    return { committed: false, revision, found: found.map((kv) => this.entry(kv)) };
  }

  /** etcd compares a missing key as one whose revisions are 0. */
  #compare(condition: Condition): ICompare {
    const key = this.key(condition.key);
    switch (condition.is) {
      case 'absent':
        return { key, target: 'Create', result: 'Equal', create_revision: 0 };
      case 'present':
        return { key, target: 'Create', result: 'Greater', create_revision: 0 };
      case 'at':
        return { key, target: 'Mod', result: 'Equal', mod_revision: condition.revision };
    }
  }

  #write(write: Write): IRequestOp {
    if ('remove' in write) return { request_delete_range: { key: this.key(write.remove) } };
    if ('removePrefix' in write) return { request_delete_range: this.range(write.removePrefix) };
    const put = { key: this.key(write.put), value: Buffer.from(write.value) };
    return { request_put: write.lease === undefined ? put : { ...put, lease: write.lease.id } };
  }
}

/** As a range's start and end: all keys. */
const ZERO = Buffer.from([0]);

/** The first key after all those that begin with `prefix`. UTF-8 has no byte 0xff, so the last one can grow. */
function endOfPrefix(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end[end.length - 1] ?? 0) + 1;
  return end;
}
