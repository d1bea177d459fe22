/** Translates between the store's keys and etcd's, which are bytes and begin with the operator's prefix. */
import type { IKeyValue, IRequestOp } from 'etcd3';
import type { Entry } from '../store.js';

export class EtcdKeys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  key(key: string): Buffer {
    return Buffer.from(this.#prefix + key);
  }

  /** Everything under `prefix`. */
  range(prefix: string): { key: Buffer; range_end: Buffer } {
    const key = this.key(prefix);
    return key.length === 0 ? { key: ZERO, range_end: ZERO } : { key, range_end: endOfPrefix(key) };
  }

  /** Our key of one of etcd's. */
  ours(key: Buffer): string {
    return key.toString().slice(this.#prefix.length);
  }

  entry(kv: IKeyValue): Entry {
    return {
      key: this.ours(kv.key),
      value: kv.value.toString(),
      revision: Number(kv.mod_revision),
      createRevision: Number(kv.create_revision),
    };
  }

  /** Reads one key, as part of a transaction. */
  readOperation(key: string): IRequestOp {
    return { request_range: { key: this.key(key) } };
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
