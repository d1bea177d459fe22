import { isDeepStrictEqual } from 'node:util';
import { sleep } from '../../concurrency/deadline.js';
import { limitTo } from '../../concurrency/limit.js';
import { NEVER_MS, Sweep } from '../../concurrency/sweep.js';
import { errorMessage, isXnetError, XnetError } from '../../errors.js';
import type { BindingRecord } from '../../model/binding.js';
import { type EncryptionKey, type HostRecord, hostRecord } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import type { Logger } from '../../observability/logger.js';
import type { Lease, Store } from '../../store/store.js';
import { changeRecord, transact } from '../../store/transact.js';
import { completeTwins, forgetAllHosts, forgetOthersNetworks } from '../local/complete-twins.js';
import { IdentityClash, isOthers, otherAliveError, RecordsOwner } from './records-owner.js';
import {
  attemptGiveUp,
  findKnownRecord,
  type Registration,
  registrationAttempt,
} from './registration-attempt.js';

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
  readonly #owner = new RecordsOwner();
  /** Registers whenever there is no lease. */
  readonly #sweep: Sweep;
  /** Writes of the record, one after the other. */
  readonly #writes = limitTo(1);
  /** In this process. */
  #wasRegistered = false;
  /** Undefined while this host is not registered. */
  #lease: Lease | undefined;
  #hasLeft = false;

  constructor(
    private readonly store: Store,
    /** As the store has it, once registered; less what is to be written yet. */
    private host: HostRecord,
    private readonly logger: Logger,
    /** Of all registrations that this process tries. */
    private readonly clash = new IdentityClash(),
  ) {
    this.#sweep = new Sweep({
      look: () => this.#ensureRegistered().then(() => NEVER_MS),
      retryMs: RETRY_MS,
      onFailure: () => logger.warn('the registration of this host is not complete', { why: this.problems }),
    });
  }

  /**
   * Registers, and from then on registers again whenever the store has lost the sign of life. While the store is away,
   * a host that was registered with the same VTEP goes on, and registers when the store is back. When this resolves, the
   * twins of this host's records are there, as far as these are known.
   */
  async start(): Promise<void> {
    const known = await findKnownRecord(this.store, this.host);
    if (known) await this.#goOn(known);
    else {
      if (this.clash.other) throw otherAliveError(this.clash.other);
      await this.#ensureRegistered();
    }
    this.#sweep.start();
  }

  /** False while the store may have records of this host without twins, which an older xnet wrote. */
  get hasTwins(): boolean {
    return this.host.twins === true;
  }

  /** What the cluster knows of this host's Docker. */
  get dockerFacts(): DockerFacts {
    const { gatewaySubnets = [], dockerDatabase } = this.host;
    return { gatewaySubnets, dockerDatabase };
  }

  /** Throws the store's errors. */
  async publishDocker({ gatewaySubnets, dockerDatabase }: DockerFacts): Promise<void> {
    await this.#changeRecord({ gatewaySubnets: [...gatewaySubnets], dockerDatabase });
  }

  /** The keys of this host in encrypted networks. Throws the store's errors, and STORE_UNAVAILABLE while this host is not registered. */
  async publishEncryption(encryption: readonly EncryptionKey[]): Promise<void> {
    if (isDeepStrictEqual(this.host.encryption, encryption)) return;
    if (!this.#lease) throw notYetError();
    await this.#changeRecord({ encryption: [...encryption] });
  }

  /** As `pathMtu` of the record. Throws the store's errors. */
  async publishPathMtu(pathMtu: number | undefined): Promise<void> {
    if (this.#lease && this.host.pathMtu !== pathMtu) await this.#changeRecord({ pathMtu });
  }

  /**
   * This host has another name or underlay address. Throws the store's errors, IN_USE when another host that is alive has
   * the address, and why this host is not registered now; after a failure the next registration writes the change.
   */
  async change(fields: Pick<HostRecord, 'name' | 'vtep'>): Promise<void> {
    await this.#writes(async () => {
      this.host = { ...this.host, ...fields };
      if (this.#hasLeft) return;
      if (!this.#lease) throw this.#sweep.failure ?? notYetError();
      try {
        this.host = (await this.#write(this.#lease)).host;
      } catch (error: unknown) {
        if (isXnetError(error, 'IN_USE'))
          await transact(this.store, () => attemptGiveUp(this.store, this.host));
        throw error;
      }
    });
  }

  /**
   * As `RecordsOwner.recognize`. Where the records are another machine's, this one gives no sign of life any more, so that
   * the other can register.
   */
  recognize(database: string, bindings: readonly BindingRecord[]): boolean {
    const isOwn = this.#owner.recognize(database, bindings);
    const { refusal } = this.#owner;
    if (refusal && !this.#hasLeft) {
      this.logger.error('this host stands back', { error: refusal.message });
      this.#hasLeft = true;
      void this.#lease?.revoke().catch(() => undefined);
    }
    return isOwn;
  }

  /** To be called with this host's record as the store has it: another machine may have written it. */
  noteRecord(record: HostRecord | undefined): void {
    if (!this.#wasRegistered || !record || !isOthers(record, this.host)) return;
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
    const { failure } = this.#sweep;
    if (failure === undefined) return [];
    return [this.#lease ? errorMessage(failure) : `this host is not registered: ${errorMessage(failure)}`];
  }

  /**
   * Revokes the lease, so that the sign of life ends at once. Docker's calls wait for this, so it takes LEAVE_MS at
   * most; without an answer of the store the lease expires by its time.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#hasLeft = true;
    const revoked = this.#lease?.revoke().catch(() => undefined);
    await Promise.race([Promise.all([revoked, this.#sweep[Symbol.asyncDispose]()]), sleep(LEAVE_MS)]);
  }

  async #goOn({ twins }: HostRecord): Promise<void> {
    this.host = { ...this.host, twins };
    if (twins || this.#knowsTwinsAlone) return;
    await completeTwins(this.store, this.host.id, { byKnown: true });
  }

  /** The daemon was killed while it compared them: then they are what is known, and no older xnet has left anything. */
  get #knowsTwinsAlone(): boolean {
    const isKnown = (prefix: string) => this.store.recall?.(prefix) !== undefined;
    return isKnown(keys.ofHost(this.host.id)) && !isKnown(keys.bindings());
  }

  async #ensureRegistered(): Promise<void> {
    if (this.#hasLeft) return;
    if (!this.#lease) await this.#register();
    await this.#completeTwins();
  }

  async #completeTwins(): Promise<void> {
    const { id } = this.host;
    if (!this.hasTwins) {
      try {
        await completeTwins(this.store, id);
        await this.#changeRecord({ twins: true });
        await forgetOthersNetworks(this.store, id);
      } catch (error: unknown) {
        throw incompleteError(id, error);
      }
    }
    forgetAllHosts(this.store);
  }

  /** Throws the store's errors. */
  #changeRecord(fields: Partial<HostRecord>): Promise<void> {
    return this.#writes(async () => {
      const host = { ...this.host, ...fields };
      const change = (record: HostRecord) => (isOthers(record, host) ? undefined : host);
      await changeRecord(this.store, keys.host(host.id), hostRecord, change);
      this.host = host;
    });
  }

  async #register(): Promise<void> {
    const lease = await this.store.grantLease({ ttlSeconds: ALIVE_TTL_SECONDS });
    try {
      await this.#writes(async () => {
        const { host, before } = await this.#write(lease);
        this.host = host;
        this.#owner.noteRegistered(before, host);
        this.#wasRegistered = true;
        this.#lease = lease;
      });
    } catch (error: unknown) {
      await lease.revoke().catch(() => undefined);
      throw error;
    }
    void lease.lost.then(() => {
      this.#lease = undefined;
      this.#sweep.hint();
    });
  }

  #write(lease: Lease): Promise<Registration> {
    const order = { host: this.host, lease, wasRegistered: this.#wasRegistered, clash: this.clash };
    return transact(this.store, registrationAttempt(this.store, order));
  }
}

/** This host is registered all the same. */
function incompleteError(hostId: string, cause: unknown): XnetError {
  const { code, fields } = isXnetError(cause) ? cause : new XnetError('INTERNAL', errorMessage(cause));
  const message = `the records of this host have no copies under ${keys.ofHost(hostId)} yet, by which it finds them: ${errorMessage(cause)}`;
  return new XnetError(code, message, fields, { cause });
}

function notYetError(): XnetError {
  return new XnetError('STORE_UNAVAILABLE', 'this host is being registered');
}
