import type { AddressBook, PoolBook } from '../../driver/collaborators.js';
import { EndpointRecords } from '../../driver/endpoints/endpoint-records.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { attemptRemoval, releaseGlobalPools } from '../../driver/networks/network-removal.js';
import { OwnActions } from '../../driver/networks/own-actions.js';
import { XnetError } from '../../errors.js';
import type { BindingReference } from '../../model/binding.js';
import { twinKeyOf } from '../../model/by-host.js';
import type { KnownHost } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import type { PoolReferenceRecord } from '../../model/pool.js';
import type { Logger } from '../../observability/logger.js';
import type { Condition, Entry, Store } from '../../store/store.js';
import { type Attempt, asRead, transact } from '../../store/transact.js';
import { listLocalState } from '../local/local-state.js';
import { chooseHost, HOST_OF, listKnownHosts } from './known-hosts.js';

export interface HostRemovalParts {
  readonly store: Store;
  /** This host's. */
  readonly hostId: string;
  readonly pools: Pick<PoolBook, 'releaseGlobalPool'>;
  /** What gives back addresses and pools in a host's name. */
  readonly ipamOf: (host: { id: string; name: string }) => HostIpam;
  readonly logger: Logger;
}

interface HostIpam extends AsyncDisposable {
  readonly addressBook: AddressBook;
  releaseHold(hold: PoolReferenceRecord): Promise<void>;
}

/** With their twins: below the number of operations that a store takes in one commit. */
const BATCH = 50;

/**
 * Forgets a host that will not come back: its endpoints, addresses, pools and networks, then itself, as if it had taken
 * them down. A network that no other host has goes with it, but for one that is mirrored. Until all is done the host's
 * own record stays, so that a removal which broke off can be made again. Nothing is written once the host shows a sign
 * of life. Throws NOT_FOUND, INVALID (the name of several), IN_USE (it is this host, or alive), INTERNAL (a newer xnet
 * wrote of it) and the store's errors.
 */
export async function removeHost(parts: HostRemovalParts, wanted: string): Promise<KnownHost> {
  const { store, logger } = parts;
  const host = chooseHost(await listKnownHosts(store), wanted);
  if (host.id === parts.hostId)
    throw new XnetError('IN_USE', `${titleOf(host)} is this host; remove it from another one`);
  const removal = new HostRemoval(parts, host);
  await removal.run();
  logger.info('host removed', { host: host.id, name: host.name, endpoints: host.endpoints });
  return host;
}

class HostRemoval {
  readonly #silent: Condition;

  constructor(
    private readonly parts: HostRemovalParts,
    private readonly host: KnownHost,
  ) {
    this.#silent = { key: keys.alive(host.id), is: 'absent' };
  }

  async run(): Promise<void> {
    const { id, name = id } = this.host;
    await this.#requireSilent();
    const { local, bindings, holds } = await listLocalState(this.parts.store, id, this.parts.logger);
    await using ipam = this.parts.ipamOf({ id, name });
    await this.#removeEndpoints(local, ipam);
    await this.#releaseHolds(holds, ipam);
    await this.#removeEach(keys.addresses(), HOST_OF.address);
    for (const binding of bindings) await this.#unbind(binding);
    // Of networks that are gone.
    await this.#removeEach(keys.endpoints(), HOST_OF.endpoint);
    await this.#removeEach(keys.macs(), HOST_OF.mac);
    await this.#transact(() => this.#attemptEnd());
  }

  async #removeEndpoints(local: LocalNetworks, { addressBook }: HostIpam): Promise<void> {
    const { store } = this.parts;
    const claims = { endpointsOf: () => undefined, hostName: (id: string) => id };
    const records = new EndpointRecords({ store, hostId: this.host.id, local, addressBook, ...claims });
    for (const endpoint of local.listAllEndpoints()) {
      await this.#requireSilent();
      await records.remove(endpoint);
    }
  }

  async #releaseHolds(holds: readonly PoolReferenceRecord[], ipam: HostIpam): Promise<void> {
    for (const hold of holds) {
      await this.#requireSilent();
      await ipam.releaseHold(hold);
    }
  }

  async #unbind(binding: BindingReference): Promise<void> {
    const { store, pools } = this.parts;
    const removal = { store, ownActions: new OwnActions() };
    const removed = await this.#transact(() => attemptRemoval(removal, binding, true));
    await releaseGlobalPools(pools, removed);
  }

  /** Removes what is under `prefix` and, by `hostIdOf`, the host's, with its twins. */
  async #removeEach(prefix: string, hostIdOf: (entry: Entry) => string | undefined): Promise<void> {
    const { store } = this.parts;
    const isMoreLeft = await this.#transact(async () => {
      const { entries } = await store.list(prefix, { once: true });
      const found = entries.filter((entry) => hostIdOf(entry) === this.host.id);
      const batch = found.slice(0, BATCH);
      return {
        result: found.length > BATCH,
        conditions: batch.map((entry) => asRead(entry.key, entry)),
        writes: batch.flatMap((entry) => withTwin(entry).map((key) => ({ remove: key }))),
      };
    });
    if (isMoreLeft) await this.#removeEach(prefix, hostIdOf);
  }

  async #attemptEnd(): Promise<Attempt<void>> {
    const { id, vtep } = this.host;
    const holder = vtep === undefined ? undefined : await this.parts.store.get(keys.vtep(vtep));
    const own = holder?.value === id ? [{ remove: holder.key }] : [];
    return {
      result: undefined,
      conditions: [],
      writes: [
        { remove: keys.host(id) },
        { remove: keys.hostProblems(id) },
        // An older xnet has removed records of it without their twins.
        { removePrefix: keys.ofHost(id) },
        ...own,
      ],
    };
  }

  /** Nothing is written unless the host is silent still. */
  #transact<T>(attempt: () => Promise<Attempt<T>>): Promise<T> {
    return transact(this.parts.store, async () => {
      await this.#requireSilent();
      const { result, ...commit } = await attempt();
      if (!commit.writes || commit.writes.length === 0) return { result };
      return { result, conditions: [...commit.conditions, this.#silent], writes: commit.writes };
    });
  }

  async #requireSilent(): Promise<void> {
    if (!(await this.parts.store.get(this.#silent.key, { fresh: true }))) return;
    throw new XnetError(
      'IN_USE',
      `${titleOf(this.host)} is alive; stop xnet there first, and wait until \`xnet host ls\` shows it as silent`,
    );
  }
}

function withTwin(entry: Entry): string[] {
  const twin = twinKeyOf(entry);
  return twin === undefined ? [entry.key] : [entry.key, twin];
}

function titleOf({ id, name }: KnownHost): string {
  return name === undefined ? `host ${id}` : `host ${name} (${id})`;
}
