import type { Difference } from '../changes.js';
import type { ForwardingChange, Remotes } from '../dataplane.js';
import { ownedIn, RemoteRoutes } from './remote-routes.js';
import type { RoutedTable } from './routed-table.js';

/** Elements that are set at a time, or a few more, between which other work on the network is done. */
const MOST_AT_ONCE = 1_000;

/** The FDB entries of the tunnel, by the names that RemoteRoutes has for them. */
export interface TunnelEntries {
  read(): Promise<Map<string, string>>;
  apply(differences: readonly Difference<string>[]): Promise<void>;
}

/** What a routed network has for endpoints on other hosts: what it shall be, and what of it the kernel does not have yet. */
export class RoutedForwarding {
  /** What was asked for last. */
  #wanted: RemoteRoutes | undefined;
  /** Names that may not be as wanted yet. Undefined: any. */
  #left: ReadonlySet<string> | undefined;
  /** Undefined: they have to be read. */
  #entries: Map<string, string> | undefined;

  constructor(
    private readonly table: RoutedTable,
    private readonly tunnelEntries: TunnelEntries,
  ) {}

  get isIncomplete(): boolean {
    return this.#left !== undefined && this.#left.size > 0;
  }

  /** Endpoints on other hosts. */
  get size(): number {
    return this.#wanted?.size ?? 0;
  }

  /** As Dataplane.setForwarding. */
  async set(ownVtep: string, remotes: Remotes, changed?: ReadonlySet<string>): Promise<ForwardingChange> {
    const names = this.#take(ownVtep, remotes, changed);
    // Until the kernel has taken them, nothing is known for certain.
    this.#left = undefined;
    const differences = await this.#apply(names, MOST_AT_ONCE);
    const removed = differences.done.filter(({ was }) => was === 'extra').length;
    this.#left = new Set(differences.left.map(({ key }) => key));
    return { added: differences.done.length - removed, removed, left: this.#left.size };
  }

  /** All that shall be in the table; what is there, if nothing was ever asked for. */
  elements(observed: ReadonlyMap<string, string>): Map<string, string> {
    const wanted = this.#wanted;
    if (!wanted) return new Map([...observed].filter(([name]) => isOfRemote(name)));
    const names = [...new Set(wanted.names())].filter((name) => !isOfTunnel(name));
    return new Map(names.flatMap((name): [string, string][] => pairOf(name, wanted.find(name))));
  }

  /** Puts right what others have altered, and returns it. What was never asked for somebody is about to ask for. */
  async repair(): Promise<readonly Difference<string>[]> {
    if (!this.#wanted) return [];
    this.#left = undefined;
    this.#entries = undefined;
    const { done } = await this.#apply(undefined, Number.POSITIVE_INFINITY);
    this.#left = new Set();
    return done;
  }

  /** The kernel may not have what it had. */
  doubt(): void {
    this.#left = undefined;
    this.#entries = undefined;
  }

  /** Resolves to the names to be looked at; undefined: all. */
  #take(ownVtep: string, remotes: Remotes, changed?: ReadonlySet<string>): ReadonlySet<string> | undefined {
    if (this.#wanted && this.#left && changed)
      return new Set([...this.#left, ...this.#wanted.change(remotes, changed)]);
    const next = new RemoteRoutes(ownVtep);
    next.change(remotes, remotes.keys());
    this.#wanted = next;
    return undefined;
  }

  /** A tunnel's entry is there before what needs it, and goes after it. */
  async #apply(
    names: ReadonlySet<string> | undefined,
    most: number,
  ): Promise<{ done: Difference<string>[]; left: Difference<string>[] }> {
    this.#entries ??= await this.tunnelEntries.read();
    const entries = this.#entries;
    const all = names ?? new Set(this.#wanted?.names());
    const ofTunnel = this.#differences(entries, names ? [...all] : [...all, ...entries.keys()], isOfTunnel);
    await this.#setEntries(ofTunnel.filter(({ was }) => was !== 'extra'));
    let [done, left]: [Difference<string>[], Difference<string>[]] = [[], []];
    await this.table.change((elements) => {
      const asked = names ? [...all] : [...all, ...elements.keys()];
      [done, left] = split(this.#differences(elements, asked, isOfRemote), most);
      return { differences: done };
    });
    const gone = ofTunnel.filter(({ was }) => was === 'extra');
    if (left.length > 0) return { done, left: [...left, ...gone] };
    await this.#setEntries(gone);
    return { done: [...ofTunnel, ...done], left };
  }

  async #setEntries(differences: readonly Difference<string>[]): Promise<void> {
    const entries = this.#entries;
    if (differences.length === 0 || !entries) return;
    this.#entries = undefined;
    await this.tunnelEntries.apply(differences);
    for (const { key, desired } of differences) {
      if (desired === undefined) entries.delete(key);
      else entries.set(key, desired);
    }
    this.#entries = entries;
  }

  #differences(
    observed: ReadonlyMap<string, string>,
    names: readonly string[],
    isMeant: (name: string) => boolean,
  ): Difference<string>[] {
    return [...new Set(names)].filter(isMeant).flatMap((key) => {
      const [was, shall] = [observed.get(key), this.#wanted?.find(key)];
      if (was === shall) return [];
      const kind = was === undefined ? 'missing' : shall === undefined ? 'extra' : 'altered';
      return [{ key, was: kind, observed: was, desired: shall }];
    });
  }
}

/** The first of them, some `most`, and the others. Those of one address stay together: between two steps it has its way, the former or the new one. */
function split(
  differences: readonly Difference<string>[],
  most: number,
): [Difference<string>[], Difference<string>[]] {
  const byAddress = new Map<string, Difference<string>[]>();
  for (const each of differences) {
    const of = byAddress.get(ownedIn(each.key));
    if (of) of.push(each);
    else byAddress.set(ownedIn(each.key), [each]);
  }
  const [first, others]: [Difference<string>[], Difference<string>[]] = [[], []];
  for (const of of byAddress.values()) (first.length < most ? first : others).push(...of);
  return [first, others];
}

function isOfTunnel(name: string): boolean {
  return name.startsWith('fdb ');
}

/** Of an endpoint on another host, and in the table. */
function isOfRemote(name: string): boolean {
  return /^(direct|tunnel|from)[46] /.test(name);
}

function pairOf(name: string, value: string | undefined): [string, string][] {
  return value === undefined ? [] : [[name, value]];
}
