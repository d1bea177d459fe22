import { isXnetError } from '../../errors.js';
import { addPortTables, countPortTables, readPortTables } from '../../native/netfilter/ingress-chain.js';
import { RulesetGeneration } from '../../native/netfilter/netfilter.js';
import type { Repair } from '../dataplane.js';
import { namespaceName, namespacePath, sourcesTableName } from '../interface-names.js';
import type { OwnWork } from '../iproute2/own-work.js';
import { applyNft } from '../nft/nft.js';
import { type FilterPlan, planFilter, portTable } from './plan-filter.js';
import type { PortOwner } from './port-rules.js';

/** Of one transaction: a port takes some 8 kB, and a message at most 200 kB. */
const MOST_AT_ONCE = 16;

/**
 * Tables of nftables in the namespace of a network, `netdev xnet-NETWORK-ENDPOINT`: each has one chain, at a container's port, which lets
 * pass what the container sends from its own MAC and addresses, and counts the rest. A container that starts costs one
 * transaction over netlink. A table for each, since the kernel checks all rules of a table when some are added. What is
 * removed is removed by nft, in a process of its own: the kernel waits then until no packet meets it.
 *
 * A port without a table is open: one that an older xnet has made, or whose table was deleted, until `repair`.
 */
export class SourceFilter {
  readonly #namespace: string;
  readonly #path: string;
  /** By port. */
  readonly #owners = new Map<string, PortOwner>();
  /** Ports whose table was written, or found right, by this process. */
  readonly #inForce = new Set<string>();
  /** At which all was seen to be right, for these owners. */
  #seen: { readonly generation: number | undefined; readonly owners: string } | undefined;

  constructor(
    private readonly networkId: string,
    private readonly ownWork: OwnWork,
  ) {
    this.#namespace = namespaceName(networkId);
    this.#path = namespacePath(this.#namespace);
  }

  /** Of ports that are there. Throws NOT_FOUND, KERNEL, UNSUPPORTED. */
  async add(owners: readonly PortOwner[]): Promise<void> {
    for (const owner of owners) this.#owners.set(owner.name, owner);
    try {
      await this.#write(owners);
    } catch (error: unknown) {
      if (!isXnetError(error, 'KERNEL') || error.fields.errno !== 'EEXIST') throw error;
      // An earlier process, or an earlier port of that name, has left it.
      await this.#bringAbout(new Set(owners.map(({ name }) => name)), false);
    }
  }

  forget(port: string): void {
    this.#owners.delete(port);
    this.#inForce.delete(port);
  }

  /** `ports`: names of all devices there. Resolves to what others had altered. Throws as `add`. */
  async repair(owners: readonly PortOwner[], ports: ReadonlySet<string>): Promise<Repair[]> {
    for (const owner of owners) this.#owners.set(owner.name, owner);
    for (const name of this.#owners.keys()) if (!ports.has(name)) this.forget(name);
    const now = JSON.stringify([[...this.#owners.values()], [...ports].sort()]);
    const generation = this.#generation();
    if (generation !== undefined && this.#seen?.generation === generation && this.#seen.owners === now)
      return [];
    const repairs = await this.#bringAbout(ports, true);
    // Read before the table: what came in between makes for another look.
    this.#seen = { generation, owners: now };
    return repairs;
  }

  /** Packets that were dropped, by the port. Throws as `add`. */
  count(): ReadonlyMap<string, number> {
    const counts = countPortTables(this.#path, this.#isOwn);
    const named = [...this.#owners.keys()].map(
      (name) => [name, counts.get(sourcesTableName(this.networkId, name))] as const,
    );
    return new Map(named.flatMap(([name, packets]) => (packets === undefined ? [] : [[name, packets]])));
  }

  async #bringAbout(ports: ReadonlySet<string>, isAll: boolean): Promise<Repair[]> {
    const tables = readPortTables(this.#path, this.#isOwn);
    const found = planFilter(this.networkId, tables, [...this.#owners.values()], ports);
    const plan = isAll ? found : { ...found, stale: [] };
    const repairs = this.#repairsOf(plan);
    const altered = plan.altered.map(({ name }) => sourcesTableName(this.networkId, name));
    await this.#remove([...altered, ...plan.stale]);
    await this.#write([...plan.missing, ...plan.altered]);
    for (const name of this.#owners.keys()) if (ports.has(name)) this.#inForce.add(name);
    return repairs;
  }

  async #write(owners: readonly PortOwner[]): Promise<void> {
    for (let at = 0; at < owners.length; at += MOST_AT_ONCE) {
      const some = owners.slice(at, at + MOST_AT_ONCE);
      const tables = some.map((owner) => portTable(this.networkId, owner));
      await this.ownWork.run(this.#namespace, async () => addPortTables(this.#path, tables));
      for (const { name } of some) this.#inForce.add(name);
    }
  }

  async #remove(tables: readonly string[]): Promise<void> {
    if (tables.length === 0) return;
    const lines = tables.map((table) => `delete table netdev ${table}`);
    await this.ownWork.run(this.#namespace, () => applyNft(this.#namespace, lines));
  }

  /** A table that was never there is no repair: the port is that of an xnet without them. */
  #repairsOf({ missing, altered }: FilterPlan): Repair[] {
    const gone = missing.filter(({ name }) => this.#inForce.has(name));
    const repair =
      (was: Repair['was']) =>
      ({ name: object }: PortOwner) => ({
        ...{ kind: 'source-filter' as const, object, was },
      });
    return [...gone.map(repair('missing')), ...altered.map(repair('altered'))];
  }

  readonly #isOwn = (table: string) => table.startsWith(`${this.#namespace}-`);

  #generation(): number | undefined {
    using ruleset = new RulesetGeneration(this.#path);
    return ruleset.read();
  }
}
