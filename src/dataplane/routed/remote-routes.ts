/**
 * What a routed network shall have for its endpoints on other hosts: elements of its table, and FDB entries of its tunnel
 * (`fdb MAC` -> VTEP). As DesiredForwarding: they follow from the endpoints that there are, in whatever order these came, and a
 * change costs what the endpoints that changed need. No effects.
 */
import { parseMac } from '../../inet/mac-address.js';
import type { RemoteEndpoint, Remotes } from '../dataplane.js';
import { tunnelMac } from './routed-names.js';
import { checkedAddress, familyOf } from './table-layout.js';

interface Needs {
  readonly id: string;
  readonly since: number;
  /** Name -> value. */
  readonly entries: ReadonlyMap<string, string>;
}

export class RemoteRoutes {
  readonly #needs = new Map<string, Needs>();
  /** Address, or MAC in the tunnel -> who needs it: of two endpoints with one address the later has all that is its. */
  readonly #owners = new Map<string, Set<Needs>>();

  /** `ownVtep` is never a destination. */
  constructor(private readonly ownVtep: string) {}

  /** Endpoints that need entries. */
  get size(): number {
    return this.#needs.size;
  }

  names(): string[] {
    return [...this.#needs.values()].flatMap(({ entries }) => [...entries.keys()]);
  }

  /** What is wanted of that name; undefined: it shall not be there. */
  find(name: string): string | undefined {
    const owners = this.#owners.get(ownedIn(name));
    return owners && latest(owners).entries.get(name);
  }

  /**
   * Takes the endpoints `ids` as `remotes` has them, or has them no more. Returns the names that this may concern. Throws INVALID for
   * a MAC or address that is none; nothing is changed then.
   */
  change(remotes: Remotes, ids: Iterable<string>): Set<string> {
    const changed = [...new Set(ids)];
    const coming = changed.flatMap((id) => this.#needsOf(id, remotes.get(id)) ?? []);
    const going = changed.flatMap((id) => this.#needs.get(id) ?? []);
    const owned = new Set([...going, ...coming].flatMap(({ entries }) => [...entries.keys()].map(ownedIn)));
    const concerned = this.#namesOf(owned);
    for (const needs of going) this.#remove(needs);
    for (const needs of coming) this.#add(needs);
    return new Set([...concerned, ...this.#namesOf(owned)]);
  }

  /** Of all their owners: when one goes, another has its address. */
  #namesOf(owned: ReadonlySet<string>): string[] {
    return [...owned].flatMap((each) =>
      [...(this.#owners.get(each) ?? [])].flatMap(({ entries }) =>
        [...entries.keys()].filter((name) => ownedIn(name) === each),
      ),
    );
  }

  #needsOf(id: string, remote: RemoteEndpoint | undefined): Needs | undefined {
    if (!remote || remote.vtep === this.ownVtep) return undefined;
    return { id, since: remote.since, entries: new Map(entriesOf(remote)) };
  }

  #add(needs: Needs): void {
    this.#needs.set(needs.id, needs);
    for (const owned of new Set([...needs.entries.keys()].map(ownedIn)))
      this.#owners.set(owned, (this.#owners.get(owned) ?? new Set()).add(needs));
  }

  #remove(needs: Needs): void {
    this.#needs.delete(needs.id);
    for (const owned of new Set([...needs.entries.keys()].map(ownedIn))) {
      this.#owners.get(owned)?.delete(needs);
      if (this.#owners.get(owned)?.size === 0) this.#owners.delete(owned);
    }
  }
}

/** What its packets come from is taken from both: which way the other host sends is its own decision. */
function entriesOf({ addresses, vtep, direct, segmentMac }: RemoteEndpoint): [string, string][] {
  const inTunnel = tunnelMac(checkedAddress(vtep));
  const straight = direct && parseMac(direct.mac);
  const from = new Set([inTunnel, ...[segmentMac ?? straight ?? []].flat().map(parseMac)]);
  return [
    [`fdb ${inTunnel}`, vtep],
    ...addresses.map(checkedAddress).flatMap((address): [string, string][] => {
      const { version } = familyOf(address);
      return [
        straight === undefined
          ? [`tunnel${version} ${address}`, inTunnel]
          : [`direct${version} ${address}`, straight],
        ...[...from].map((mac): [string, string] => [`from${version} ${address} . ${mac}`, '']),
      ];
    }),
  ];
}

/** The address or the MAC in the name of an entry. */
export function ownedIn(name: string): string {
  return name.split(' ', 2)[1] ?? '';
}

/** Mostly there is but one. */
function latest(needs: Set<Needs>): Needs {
  return [...needs].reduce((a, b) => (a.since > b.since || (a.since === b.since && a.id > b.id) ? a : b));
}
