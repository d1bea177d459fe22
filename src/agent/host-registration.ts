import { sleep } from '../concurrency/deadline.js';
import { KeyedMutex } from '../concurrency/keyed-mutex.js';
import { errorMessage, XnetError } from '../errors.js';
import type { Logger } from '../observability/logger.js';
import { keys } from '../store/keys.js';
import { findRecord, formatRecord, type HostRecord, hostRecord, parseRecord } from '../store/records.js';
import type { Lease, Store, Write } from '../store/store.js';
import { type Attempt, asRead, transact } from '../store/transact.js';

/** How long the store is waited for when this host leaves. */
const LEAVE_MS = 1000;

/** A host that is silent for this long ranks as not alive. Its records stay. */
const ALIVE_TTL_SECONDS = 10;

/**
 * Writes this host's record and keeps its sign of life. No two hosts have one id or one VTEP: the second is
 * refused, with IN_USE, for as long as the first is alive.
 */
export class HostRegistration implements AsyncDisposable {
  readonly #store: Store;
  /** As the store has it, once registered. */
  #host: HostRecord;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  /** Writes of the record, one after the other. */
  readonly #writes = new KeyedMutex();
  #lease: Lease | undefined;
  #renewal: Promise<void> | undefined;

  constructor(store: Store, host: HostRecord, logger: Logger) {
    this.#store = store;
    this.#host = host;
    this.#logger = logger;
  }

  /**
   * Registers, and from then on registers again whenever the store has lost the sign of life. While the store is away,
   * a host that was registered with the same VTEP goes on, and registers when the store is back.
   */
  async start(): Promise<void> {
    if (!(await this.#wasRegistered())) this.#lease = await this.#register();
    this.#renewal = this.#renew(this.#lease);
  }

  /** Subnets of this host's docker_gwbridge, as the cluster knows them. */
  get gatewaySubnets(): readonly string[] {
    return this.#host.gatewaySubnets ?? [];
  }

  /** Lets the cluster know of them, so that no new network overlaps them. Throws the store's errors. */
  async publishGateway(subnets: readonly string[]): Promise<void> {
    const key = keys.host(this.#host.id);
    await this.#writes.run(key, async () => {
      const host = { ...this.#host, gatewaySubnets: [...subnets] };
      await transact(this.#store, async (): Promise<Attempt<void>> => {
        const own = await this.#store.get(key);
        if (!own) return { result: undefined };
        parseRecord(hostRecord, own);
        const write = { put: key, value: formatRecord(host) };
        return { result: undefined, conditions: [asRead(key, own)], writes: [write] };
      });
      this.#host = host;
    });
  }

  /** Its sign of life ends at once, or by its time where the store does not take that: Docker's calls wait meanwhile. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const revoked = this.#lease?.revoke().catch(() => undefined);
    await Promise.race([Promise.all([revoked, this.#renewal]), sleep(LEAVE_MS)]);
  }

  /** As far as is known while the store is away; while it answers, it is asked. */
  async #wasRegistered(): Promise<boolean> {
    const entry = await this.#store.get(keys.host(this.#host.id));
    if (!this.#store.away || !entry) return false;
    return findRecord(hostRecord, entry)?.vtep === this.#host.vtep;
  }

  async #renew(first: Lease | undefined): Promise<void> {
    let lease = first;
    while (!this.#stop.signal.aborted) {
      await lease?.lost;
      while (!this.#stop.signal.aborted) {
        try {
          lease = this.#lease = await this.#register();
          break;
        } catch (error: unknown) {
          this.#logger.warn('cannot register this host in the store', { error: errorMessage(error) });
          await sleep(1000, this.#stop.signal);
        }
      }
    }
  }

  async #register(): Promise<Lease> {
    const lease = await this.#store.grantLease({ ttlSeconds: ALIVE_TTL_SECONDS });
    try {
      await this.#writes.run(keys.host(this.#host.id), async () => {
        this.#host = await transact(this.#store, () => this.#attempt(lease));
      });
      return lease;
    } catch (error: unknown) {
      await lease.revoke().catch(() => undefined);
      throw error;
    }
  }

  async #attempt(lease: Lease): Promise<Attempt<HostRecord>> {
    const { id, vtep } = this.#host;
    const [own, holder] = await Promise.all([
      this.#store.get(keys.host(id)),
      this.#store.get(keys.vtep(vtep)),
    ]);
    const former = own && parseRecord(hostRecord, own);
    if (former) await this.#checkSameHost(former);
    if (holder && holder.value !== id) await this.#checkGone(holder.value);
    // Docker has not been looked at yet when xnet starts.
    const gatewaySubnets = this.#host.gatewaySubnets ?? former?.gatewaySubnets;
    const host = { ...this.#host, ...(gatewaySubnets && { gatewaySubnets }) };
    return {
      result: host,
      conditions: [asRead(keys.host(id), own), asRead(keys.vtep(vtep), holder)],
      writes: [
        { put: keys.host(id), value: formatRecord(host) },
        { put: keys.vtep(vtep), value: id },
        { put: keys.alive(id), value: lease.id, lease },
        ...formerVtep(former, vtep),
        ...(holder && holder.value !== id ? [{ remove: keys.host(holder.value) }] : []),
      ],
    };
  }

  /** The same id on another live machine: somebody copied the state directory. */
  async #checkSameHost(registered: HostRecord): Promise<void> {
    const { id, name, vtep } = this.#host;
    if (registered.name === name || registered.vtep === vtep) return;
    if (!(await this.#store.get(keys.alive(id)))) return;
    throw new XnetError(
      'IN_USE',
      `host id ${id} is in use by host ${registered.name} (${registered.vtep}); was the state directory copied? Remove its host-id file here`,
    );
  }

  async #checkGone(otherId: string): Promise<void> {
    const entry = await this.#store.get(keys.host(otherId));
    const name = entry ? parseRecord(hostRecord, entry).name : otherId;
    if (!(await this.#store.get(keys.alive(otherId)))) return;
    throw new XnetError(
      'IN_USE',
      `underlay address ${this.#host.vtep} is in use by host ${name}; give this host an address of its own (--vtep or --interface)`,
    );
  }
}

function formerVtep(registered: HostRecord | undefined, vtep: string): Write[] {
  return registered && registered.vtep !== vtep ? [{ remove: keys.vtep(registered.vtep) }] : [];
}
