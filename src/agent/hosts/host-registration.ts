import { sleep } from '../../concurrency/deadline.js';
import { KeyedMutex } from '../../concurrency/keyed-mutex.js';
import { errorMessage, isXnetError, type XnetError } from '../../errors.js';
import type { BindingRecord } from '../../model/binding.js';
import { type HostRecord, hostRecord } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import { findRecord, formatRecord, parseRecord } from '../../model/record.js';
import type { Logger } from '../../observability/logger.js';
import type { Lease, Store } from '../../store/store.js';
import { type Attempt, asRead, transact } from '../../store/transact.js';
import { IdentityClash, otherAliveError, RecordsOwner, type Registered } from './records-owner.js';
import { attemptRegistration } from './registration-attempt.js';

/** How long the store is waited for when this host leaves. */
const LEAVE_MS = 1000;

/** A host that is silent for this long ranks as not alive. Its records stay. */
const ALIVE_TTL_SECONDS = 10;

const RETRY_MS = 1000;

/** What this host lets the cluster know of its Docker. */
export interface DockerFacts {
  /** Of docker_gwbridge: no new network overlaps them. */
  readonly gatewaySubnets: readonly string[];
  /** Identity of the network database (`MirrorView.database`). */
  readonly dockerDatabase: string | undefined;
}

/**
 * Writes this host's record and keeps its sign of life. No two hosts have one id or one VTEP: the second is
 * refused, with IN_USE, for as long as the first is alive.
 */
export class HostRegistration implements AsyncDisposable {
  readonly #store: Store;
  /** As the store has it, once registered; less what is to be written yet. */
  #host: HostRecord;
  readonly #logger: Logger;
  readonly #clash: IdentityClash;
  readonly #owner = new RecordsOwner();
  readonly #stop = new AbortController();
  /** Writes of the record, one after the other. */
  readonly #writes = new KeyedMutex();
  /** In this process. */
  #wasRegistered = false;
  #lease: Lease | undefined;
  #renewal: Promise<void> | undefined;
  #failure: unknown;

  /** `clash`: of all registrations that this process tries. */
  constructor(store: Store, host: HostRecord, logger: Logger, clash = new IdentityClash()) {
    this.#store = store;
    this.#host = host;
    this.#logger = logger;
    this.#clash = clash;
  }

  /**
   * Registers, and from then on registers again whenever the store has lost the sign of life. While the store is away,
   * a host that was registered with the same VTEP goes on, and registers when the store is back.
   */
  async start(): Promise<void> {
    if (!(await this.#isKnown())) {
      if (this.#clash.other) throw otherAliveError(this.#clash.other);
      this.#lease = await this.#register();
    }
    this.#renewal = this.#renew(this.#lease);
  }

  /** What the cluster knows of this host's Docker. */
  get dockerFacts(): DockerFacts {
    const { gatewaySubnets = [], dockerDatabase } = this.#host;
    return { gatewaySubnets, dockerDatabase };
  }

  /** Throws the store's errors. */
  async publishDocker({ gatewaySubnets, dockerDatabase }: DockerFacts): Promise<void> {
    await this.#update({ gatewaySubnets: [...gatewaySubnets], dockerDatabase });
  }

  /**
   * This host has another name or underlay address. Throws the store's errors, and IN_USE when another host that is
   * alive has the address; after a failure the next registration writes the change.
   */
  async change(fields: Pick<HostRecord, 'name' | 'vtep'>): Promise<void> {
    await this.#writes.run(keys.host(this.#host.id), async () => {
      this.#host = { ...this.#host, ...fields };
      const lease = this.#lease;
      // While there is none, it is being registered.
      if (!lease || this.#stop.signal.aborted) return;
      try {
        this.#host = await transact(this.#store, () => this.#attempt(lease, () => undefined));
      } catch (error: unknown) {
        if (isXnetError(error, 'IN_USE')) await this.#giveUpFormerVtep();
        throw error;
      }
    });
  }

  /** This host's former address is gone. Two hosts that swap theirs would else wait for each other for ever. */
  async #giveUpFormerVtep(): Promise<void> {
    const { id, vtep } = this.#host;
    await transact(this.#store, async (): Promise<Attempt<void>> => {
      const entry = await this.#store.get(keys.host(id));
      const own = entry && findRecord(hostRecord, entry);
      // Another machine may have taken this one's record, and has its own address in it.
      const former = own && !isOthers(own, this.#host) ? own.vtep : undefined;
      const claim = former === undefined ? undefined : await this.#store.get(keys.vtep(former));
      if (former === vtep || claim?.value !== id) return { result: undefined };
      return { result: undefined, conditions: [asRead(claim.key, claim)], writes: [{ remove: claim.key }] };
    });
  }

  /**
   * As `RecordsOwner.recognize`. Where the records are another machine's, this one gives no sign of life any more, so that
   * the other can register.
   */
  recognize(database: string, bindings: readonly BindingRecord[]): boolean {
    const isOwn = this.#owner.recognize(database, bindings);
    const { refusal } = this.#owner;
    if (refusal && !this.#stop.signal.aborted) {
      this.#logger.error('this host stands back', { error: refusal.message });
      this.#stop.abort();
      void this.#lease?.revoke().catch(() => undefined);
    }
    return isOwn;
  }

  /** To be called with this host's record as the store has it: another machine may have written it. */
  noteRecord(record: HostRecord | undefined): void {
    if (!this.#wasRegistered || !record || !isOthers(record, this.#host)) return;
    // With its lease it registers again, which fails and reports the reason until the other machine is gone.
    void this.#lease?.revoke().catch(() => undefined);
  }

  /**
   * False while the records may be another machine's: nothing may be removed because this machine's Docker does not
   * have it.
   */
  get isOwner(): boolean {
    return this.#owner.isThisMachine;
  }

  /** Why nothing can be done in the name of this host; undefined: it can. */
  get refusal(): XnetError | undefined {
    return this.#owner.refusal;
  }

  /** For `xnet status`. */
  get problems(): readonly string[] {
    if (this.#owner.refusal) return [this.#owner.refusal.message];
    return this.#failure === undefined ? [] : [`this host is not registered: ${errorMessage(this.#failure)}`];
  }

  /**
   * Revokes the lease, so that the sign of life ends at once. Docker's calls wait for this, so it takes LEAVE_MS at
   * most; without an answer of the store the lease expires by its time.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const revoked = this.#lease?.revoke().catch(() => undefined);
    await Promise.race([Promise.all([revoked, this.#renewal]), sleep(LEAVE_MS)]);
  }

  /**
   * True when the store is away and was last known to have this host with this VTEP: only then is the registration done
   * later.
   */
  async #isKnown(): Promise<boolean> {
    const key = keys.host(this.#host.id);
    try {
      await this.#store.get(key, { fresh: true });
      return false;
    } catch (error: unknown) {
      if (!isXnetError(error, 'STORE_UNAVAILABLE')) throw error;
      const entry = await this.#store.get(key);
      return entry !== undefined && findRecord(hostRecord, entry)?.vtep === this.#host.vtep;
    }
  }

  async #renew(first: Lease | undefined): Promise<void> {
    let lease = first;
    while (!this.#stop.signal.aborted) {
      await lease?.lost;
      while (!this.#stop.signal.aborted) {
        try {
          lease = this.#lease = await this.#register();
          this.#failure = undefined;
          break;
        } catch (error: unknown) {
          this.#noteFailure(error);
          await sleep(RETRY_MS, this.#stop.signal);
        }
      }
    }
  }

  #noteFailure(error: unknown): void {
    const isNew = this.#failure === undefined || errorMessage(this.#failure) !== errorMessage(error);
    if (isNew) this.#logger.warn('cannot register this host in the store', { error: errorMessage(error) });
    this.#failure = error;
  }

  async #register(): Promise<Lease> {
    const lease = await this.#store.grantLease({ ttlSeconds: ALIVE_TTL_SECONDS });
    try {
      await this.#writes.run(keys.host(this.#host.id), async () => {
        let before: Registered = { isAlive: false };
        const onRead = (found: Registered) => {
          before = found;
        };
        this.#host = await transact(this.#store, () => this.#attempt(lease, onRead));
        this.#owner.noteRegistered(before, this.#host);
        this.#wasRegistered = true;
      });
      return lease;
    } catch (error: unknown) {
      await lease.revoke().catch(() => undefined);
      throw error;
    }
  }

  #attempt(lease: Lease, onRead: (found: Registered) => void): Promise<Attempt<HostRecord>> {
    const onClash = (other: HostRecord) => {
      if (!this.#wasRegistered) this.#clash.note(other);
    };
    const order = { host: this.#host, lease, wasRegistered: this.#wasRegistered, onRead, onClash };
    return attemptRegistration(this.#store, order);
  }

  async #update(fields: Partial<HostRecord>): Promise<void> {
    const key = keys.host(this.#host.id);
    await this.#writes.run(key, async () => {
      const host = { ...this.#host, ...fields };
      await transact(this.#store, async (): Promise<Attempt<void>> => {
        const own = await this.#store.get(key);
        if (!own || isOthers(parseRecord(hostRecord, own), host)) return { result: undefined };
        const write = { put: key, value: formatRecord(host) };
        return { result: undefined, conditions: [asRead(key, own)], writes: [write] };
      });
      this.#host = host;
    });
  }
}

function isOthers(record: HostRecord, host: HostRecord): boolean {
  return record.machine !== host.machine;
}
