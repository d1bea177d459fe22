import type { Unfinished } from '../concurrency/unfinished.js';
import type { Replica } from '../replica/replica.js';
import type { RecordReader } from '../store/record-reader.js';
import type { TransactOptions } from '../store/transact.js';
import type { PoolViews } from './pools/pool-views.js';
import type { RestLeases } from './reserve/rest-leases.js';

/** The host that xnet runs on, as records name it. */
export interface IpamHost {
  readonly id: string;
  /** Only shown. */
  readonly name: string;
}

/** What the parts of Ipam share. */
export interface IpamContext {
  readonly store: Replica;
  readonly host: IpamHost;
  readonly views: PoolViews;
  readonly rests: RestLeases;
  readonly unfinished: Unfinished;
  readonly transactions: TransactOptions;
  readonly records: RecordReader;
  /**
   * True for a pool of which a released address joins this host's reserve at once, because Docker's own IPAM offers it
   * next.
   */
  readonly keepsReleased: (poolKey: string) => boolean;
}

/** Key of the unfinished work on a claim. The address is part of it: one request may have claimed two. */
export function unfinishedKey(addressKey: string, claim: string): string {
  return `${addressKey} ${claim}`;
}
