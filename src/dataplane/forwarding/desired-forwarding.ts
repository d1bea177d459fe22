/**
 * The entries that a network shall have for its endpoints on other hosts; ports of this host's are none of them. They follow
 * from the endpoints that there are, in whatever order these came: of two with one MAC or one address, the one that was
 * created later has the entry. A change costs what the endpoints that changed need, however many others there are. No effects.
 */
import { isIP, isIPv6 } from 'node:net';
import { XnetError } from '../../errors.js';
import { linkLocalOf, parseMac } from '../../inet/mac-address.js';
import type { RemoteEndpoint, Remotes } from '../dataplane.js';
import type { ForwardingState, RemoteEntry } from './forwarding-state.js';

/** What an endpoint of another host needs, in the kernel's spelling. */
interface Needs {
  readonly id: string;
  readonly since: number;
  readonly mac: string;
  readonly vtep: string;
  /** Of its neighbours. */
  readonly addresses: readonly string[];
}

export class DesiredForwarding {
  readonly #needs = new Map<string, Needs>();
  /** Name of an entry -> who needs it. */
  readonly #entries = new Map<string, Set<Needs>>();

  /** `ownVtep` is never a destination; without `ipv6` the kernel has no neighbours of that family. */
  constructor(
    private readonly ownVtep: string,
    private readonly ipv6: boolean,
  ) {}

  /** Endpoints that need entries. */
  get size(): number {
    return this.#needs.size;
  }

  /** All entries. */
  get state(): ForwardingState {
    return this.#stateOf(this.#entries.keys());
  }

  /**
   * Takes the endpoints `ids` as `remotes` has them, or has them no more. Returns the entries that this concerns, as they were
   * and as they are now. Throws INVALID for a MAC or address that is none; nothing is changed then.
   */
  change(
    remotes: Remotes,
    ids: Iterable<string>,
  ): { readonly before: ForwardingState; readonly after: ForwardingState } {
    const changed = [...new Set(ids)];
    const coming = changed.flatMap((id) => this.#needsOf(id, remotes.get(id)) ?? []);
    const going = changed.flatMap((id) => this.#needs.get(id) ?? []);
    const names = new Set([...going, ...coming].flatMap(entriesOf));
    const before = this.#stateOf(names);
    for (const needs of going) this.#remove(needs);
    for (const needs of coming) this.#add(needs);
    return { before, after: this.#stateOf(names) };
  }

  #needsOf(id: string, remote: RemoteEndpoint | undefined): Needs | undefined {
    if (!remote) return undefined;
    const vtep = checkedAddress(remote.vtep);
    if (vtep === this.ownVtep) return undefined;
    const mac = parseMac(remote.mac);
    const plain = remote.addresses.map(checkedAddress);
    const addresses = this.ipv6
      ? [...plain, ...(plain.some(isIPv6) ? [linkLocalOf(mac)] : [])]
      : plain.filter((address) => !isIPv6(address));
    return { id, since: remote.since, mac, vtep, addresses };
  }

  #add(needs: Needs): void {
    this.#needs.set(needs.id, needs);
    for (const name of entriesOf(needs))
      this.#entries.set(name, (this.#entries.get(name) ?? new Set()).add(needs));
  }

  #remove(needs: Needs): void {
    this.#needs.delete(needs.id);
    for (const name of entriesOf(needs)) {
      this.#entries.get(name)?.delete(needs);
      if (this.#entries.get(name)?.size === 0) this.#entries.delete(name);
    }
  }

  /** Those of these entries that there shall be. */
  #stateOf(names: Iterable<string>): ForwardingState {
    const remotes = new Map<string, RemoteEntry>();
    const flood = new Map<string, true>();
    const neighbours = new Map<string, string>();
    for (const name of names) {
      const by = this.#entries.get(name);
      if (!by) continue;
      const [kind, key = ''] = name.split(' ');
      if (kind === 'flood') flood.set(key, true);
      else if (kind === 'mac') remotes.set(key, { bridged: true, vteps: new Set([latest(by).vtep]) });
      else neighbours.set(key, latest(by).mac);
    }
    return { remotes, flood, neighbours, ports: new Map() };
  }
}

/** The names of the entries that an endpoint needs: their kind and key. */
function entriesOf({ mac, vtep, addresses }: Needs): string[] {
  return [`mac ${mac}`, `flood ${vtep}`, ...addresses.map((address) => `neighbour ${address}`)];
}

/** Mostly there is but one. */
function latest(needs: Set<Needs>): Needs {
  return [...needs].reduce((a, b) => (a.since > b.since || (a.since === b.since && a.id > b.id) ? a : b));
}

function checkedAddress(text: string): string {
  if (isIP(text) === 0 || text.includes('%'))
    throw new XnetError('INVALID', `"${text}" is not a plain IP address`);
  return text.toLowerCase();
}
