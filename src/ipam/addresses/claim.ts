/**
 * Claims one address for one endpoint, with one commit. Its conditions: the hold on the pool exists, the address is free.
 *
 * When the commit is refused, another address is chosen. When its outcome is unknown, the address is read back, and the
 * same commit is made again if it is not there, so that no second address is taken.
 */
import { isXnetError, XnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { claimed, stateOf } from '../../model/address.js';
import { showPool } from '../../model/pool.js';
import type { CommitResult, Condition, Entry, Revision, Store, Write } from '../../store/store.js';
import type { Attempt } from '../../store/transact.js';
import { addressKey, findAddress, putAddress } from '../address-entry.js';
import { type Hold, holderOf, ownHoldKey } from '../hold.js';
import { type IpamContext, unfinishedKey } from '../ipam-context.js';
import { awayError, usesReserve } from '../outage.js';

/** An address to claim. Without `over` it is free; else it rests or is in this host's reserve, at revision `over`. */
export interface Pick {
  readonly address: bigint;
  readonly over?: Revision;
  readonly fromReserve?: true;
}

/** `refusals`: commits that were refused so far. Throws EXHAUSTED or IN_USE. */
export type Choose = (refusals: number) => Promise<Pick>;

export interface ClaimOptions {
  readonly container?: string;
  readonly explicit?: true;
}

type Outcome = 'refused' | 'unknown' | 'ours' | 'pool-gone';

export class Claim {
  readonly token: string;
  /** Commits that were refused, for metrics. */
  refusals = 0;
  readonly hold: Hold;
  readonly #context: IpamContext;
  readonly #options: ClaimOptions;
  readonly #holdKey: string;
  #pick: Pick | undefined;
  #outcome: Outcome = 'refused';

  constructor(context: IpamContext, hold: Hold, options: ClaimOptions, token: string) {
    this.token = token;
    this.hold = hold;
    this.#context = context;
    this.#options = options;
    this.#holdKey = ownHoldKey(hold, context.host);
  }

  /**
   * Throws what `choose` throws, NOT_FOUND when the hold is gone, STORE_CONFLICT, STORE_UNAVAILABLE. After a failure the
   * address is not held, or is released as soon as the store answers. `givesUp` is called when a commit was not
   * answered: true ends the attempts, because the caller has another address.
   */
  async take(choose: Choose, givesUp: () => boolean = () => false): Promise<IpAddress> {
    const commit: Store['commit'] = (conditions, writes) => this.#commit(conditions, writes);
    try {
      return await this.#context.transact(() => this.#attempt(choose), { store: { commit }, givesUp });
    } catch (error: unknown) {
      if (this.#outcome === 'unknown') this.#giveBackLater();
      throw error;
    }
  }

  async #attempt(choose: Choose): Promise<Attempt<IpAddress>> {
    if (this.#outcome === 'unknown' && this.#pick) await this.#readBack(this.#pick);
    if (this.#outcome === 'pool-gone') throw this.#poolGone();
    if (this.#outcome === 'refused') this.#pick = await choose(this.refusals);
    const pick = this.#pick;
    if (!pick) throw new XnetError('INTERNAL', 'an address was to be claimed before one was chosen');
    const result = IpAddress.of(this.hold.subnet.family, pick.address);
    if (this.#outcome === 'ours') return { result };
    return { result, ...this.#plan(pick) };
  }

  #plan(pick: Pick): { conditions: Condition[]; writes: Write[] } {
    const key = this.#keyOf(pick);
    const holder = holderOf(this.hold, this.#context.host);
    const options = pick.fromReserve ? { ...this.#options, explicit: true as const } : this.#options;
    const record = claimed(holder, this.token, this.hold.id, options);
    return {
      conditions: [
        { key: this.#holdKey, is: 'present' },
        pick.over === undefined ? { key, is: 'absent' } : { key, is: 'at', revision: pick.over },
      ],
      writes: [putAddress(key, record)],
    };
  }

  async #commit(conditions: readonly Condition[], writes: readonly Write[]): Promise<CommitResult> {
    this.#outcome = 'unknown';
    const result = await this.#context.store.commit(conditions, writes);
    if (!result.committed) this.#outcome = this.#outcomeOf(result.found);
    if (this.#outcome === 'refused') this.refusals += 1;
    return result;
  }

  #outcomeOf(found: readonly Entry[]): Outcome {
    if (found.some((entry) => this.#isOurs(entry))) return 'ours';
    return found.some(({ key }) => key === this.#holdKey) ? 'refused' : 'pool-gone';
  }

  /** Leaves the outcome unknown when there is no entry: the commit may still be applied, so it is made again. */
  async #readBack(pick: Pick): Promise<void> {
    const { entry, isFresh } = await readOutcome(this.#context.store, this.#keyOf(pick));
    if (entry && this.#isOurs(entry)) this.#outcome = 'ours';
    else if (isFresh && entry && entry.revision !== pick.over) this.#outcome = 'refused';
  }

  #isOurs(entry: Entry): boolean {
    return entry.key === (this.#pick && this.#keyOf(this.#pick)) && claimOf(entry) === this.token;
  }

  #giveBackLater(): void {
    const key = this.#pick && this.#keyOf(this.#pick);
    if (key === undefined) return;
    this.#context.unfinished.add(unfinishedKey(key, this.token), () =>
      removeClaim(this.#context, key, this.token),
    );
  }

  #keyOf({ address }: Pick): string {
    return addressKey(this.hold, address);
  }

  #poolGone(): XnetError {
    if (usesReserve(this.#context.store)) {
      return awayError(this.#context.store, `pool ${showPool(this.hold)} is not known to this host`);
    }
    return new XnetError(
      'NOT_FOUND',
      `the store no longer has this host's hold on pool ${showPool(this.hold)}; ` +
        'remove the Docker network from this host (docker network rm); it is made again, as the cluster has it',
      { poolKey: this.hold.poolKey, reference: this.hold.id },
    );
  }
}

/** Frees an address that no caller was given, if it still has this claim. */
function removeClaim(context: IpamContext, key: string, claim: string): Promise<void> {
  return context.transact(async () => {
    const entry = await context.store.get(key, { fresh: true });
    if (!entry || claimOf(entry) !== claim) return { result: undefined };
    return {
      result: undefined,
      conditions: [{ key, is: 'at', revision: entry.revision }],
      writes: [{ remove: key }],
    };
  });
}

/** Without `isFresh` the entry is the last known one, and may be older than a commit of unknown outcome. */
async function readOutcome(
  store: Store,
  key: string,
): Promise<{ entry: Entry | undefined; isFresh: boolean }> {
  try {
    return { entry: await store.get(key, { fresh: true }), isFresh: true };
  } catch (error: unknown) {
    if (!isXnetError(error, 'STORE_UNAVAILABLE')) throw error;
    return { entry: await store.get(key), isFresh: false };
  }
}

/** The claim token of an address entry; undefined when the address rests or its record cannot be read. */
function claimOf(entry: Entry): string | undefined {
  const record = findAddress(entry)?.record;
  return record && stateOf(record) !== 'resting' ? record.claim : undefined;
}
