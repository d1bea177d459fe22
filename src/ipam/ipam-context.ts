import { Unfinished, type UnfinishedTiming } from '../concurrency/unfinished.js';
import type { Holder } from '../model/address.js';
import type { Replica } from '../replica/replica.js';
import type { RecordReader } from '../store/record-reader.js';
import { type Attempt, type TransactOptions, transact } from '../store/transact.js';
import { type LanQuestions, NO_LANS } from './lan/lan-questions.js';
import { OwnHolds } from './pools/own-holds.js';
import { PoolViews } from './pools/pool-views.js';
import { RestLeases } from './reserve/rest-leases.js';

export interface IpamContextOptions {
  readonly store: Replica;
  /** The host that xnet runs on, or in whose name it acts. Its name is only shown. */
  readonly host: Holder;
  readonly records: RecordReader;
  /** How long a released address is kept from automatic reuse. Default 60; 0: not at all. */
  readonly restSeconds?: number;
  /** How long a call goes on while the store does not answer or others are always faster. Default TRANSACT_BUDGET_MS. */
  readonly budgetMs?: number;
  /** The LANs that networks are on. Default: there are none. */
  readonly lan?: LanQuestions;
  /** How what could not be given back is tried again. */
  readonly unfinished?: UnfinishedTiming;
}

/** A commit of unknown outcome can still be applied for half a minute. */
const GIVING_BACK: UnfinishedTiming = { firstPauseMs: 1_000, longestPauseMs: 1_000, forMs: 30_000 };

/** What the parts of Ipam share. */
export class IpamContext implements AsyncDisposable {
  readonly store: Replica;
  readonly host: Holder;
  readonly records: RecordReader;
  readonly lan: LanQuestions;
  readonly views: PoolViews;
  readonly holds: OwnHolds;
  readonly rests: RestLeases;
  readonly unfinished: Unfinished;
  readonly #transactions: TransactOptions;

  constructor({ store, host, records, lan, restSeconds, budgetMs, unfinished }: IpamContextOptions) {
    this.store = store;
    this.host = host;
    this.records = records;
    this.lan = lan ?? NO_LANS;
    this.views = new PoolViews(store);
    this.holds = new OwnHolds(store, host.hostId);
    this.rests = new RestLeases(store, restSeconds);
    this.unfinished = new Unfinished(unfinished ?? GIVING_BACK);
    this.#transactions = budgetMs === undefined ? {} : { budgetMs };
  }

  /** As `transact` of the store, within this context's time. `store`: where it commits. */
  transact<T>(
    attempt: () => Promise<Attempt<T>>,
    { store = this.store, givesUp }: { store?: Pick<Replica, 'commit'>; givesUp?: () => boolean } = {},
  ): Promise<T> {
    return transact(store, attempt, { ...this.#transactions, ...(givesUp && { givesUp }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unfinished[Symbol.asyncDispose]();
    await this.views[Symbol.asyncDispose]();
    await this.holds[Symbol.asyncDispose]();
  }
}

/** Key of the unfinished work on a claim. The address is part of it: one request may have claimed two. */
export function unfinishedKey(addressKey: string, claim: string): string {
  return `${addressKey} ${claim}`;
}
