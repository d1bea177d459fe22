import { isIP, isIPv6 } from 'node:net';
import { XnetError } from '../../errors.js';
import { parseMac } from '../../inet/mac-address.js';
import type { RemoteEndpoint } from '../dataplane.js';
import type { ForwardingState } from './forwarding-state.js';

/** The keys of the entries that an endpoint of another host needs, in the kernel's spelling. */
interface Needs {
  readonly id: string;
  readonly since: number;
  readonly mac: string;
  readonly vtep: string;
  /** Of its neighbours. */
  readonly addresses: readonly string[];
}

/** Key of an entry -> the endpoints that need it. */
type Index = Map<string, Set<Needs>>;

/** Keys of entries, by their kind. */
type Keys = Readonly<Record<'macs' | 'vteps' | 'addresses', Iterable<string>>>;

/**
 * The entries that a network shall have for its endpoints on other hosts; ports of this host's are none of them. They follow
 * from the endpoints that there are, in whatever order these came: of two with one MAC or one address, the one that was
 * created later has the entry. A change costs what the endpoints that changed need, however many others there are. No effects.
 */
export class DesiredForwarding {
  readonly #needs = new Map<string, Needs>();
  readonly #indexes: Record<keyof Keys, Index> = { macs: new Map(), vteps: new Map(), addresses: new Map() };

  /** `ownVtep` is never a destination; without `ipv6` the kernel has no neighbours of that family. */
  constructor(
    private readonly ownVtep: string,
    private readonly ipv6: boolean,
  ) {}

  /** All entries. */
  get state(): ForwardingState {
    const { macs, vteps, addresses } = this.#indexes;
    return this.#entriesOf({ macs: macs.keys(), vteps: vteps.keys(), addresses: addresses.keys() });
  }

  /**
   * Takes the endpoints `ids` as `remotes` has them, or has them no more. Returns the entries that this concerns, as they were
   * and as they are now. Throws INVALID for a MAC or address that is none; nothing is changed then.
   */
  change(
    remotes: ReadonlyMap<string, RemoteEndpoint>,
    ids: Iterable<string>,
  ): { readonly before: ForwardingState; readonly after: ForwardingState } {
    const changed = new Set(ids);
    const coming = [...changed].flatMap((id) => this.#needsOf(id, remotes.get(id)) ?? []);
    const going = [...changed].flatMap((id) => this.#needs.get(id) ?? []);
    const keys = keysOf([...going, ...coming]);
    const before = this.#entriesOf(keys);
    for (const needs of going) this.#remove(needs);
    for (const needs of coming) this.#add(needs);
    return { before, after: this.#entriesOf(keys) };
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
    this.#eachEntry(needs, (index, key) => index.set(key, (index.get(key) ?? new Set()).add(needs)));
  }

  #remove(needs: Needs): void {
    this.#needs.delete(needs.id);
    this.#eachEntry(needs, (index, key) => {
      index.get(key)?.delete(needs);
      if (index.get(key)?.size === 0) index.delete(key);
    });
  }

  #eachEntry({ mac, vtep, addresses }: Needs, visit: (index: Index, key: string) => void): void {
    visit(this.#indexes.macs, mac);
    visit(this.#indexes.vteps, vtep);
    for (const address of addresses) visit(this.#indexes.addresses, address);
  }

  /** Those of these keys that there are. */
  #entriesOf({ macs, vteps, addresses }: Keys): ForwardingState {
    const indexes = this.#indexes;
    return {
      remotes: pick(indexes.macs, macs, (by) => ({ bridged: true, vteps: new Set([latest(by).vtep]) })),
      flood: pick(indexes.vteps, vteps, () => true),
      neighbours: pick(indexes.addresses, addresses, (by) => latest(by).mac),
      ports: new Map(),
    };
  }
}

function keysOf(needs: readonly Needs[]): Keys {
  return {
    macs: new Set(needs.map(({ mac }) => mac)),
    vteps: new Set(needs.map(({ vtep }) => vtep)),
    addresses: new Set(needs.flatMap(({ addresses }) => addresses)),
  };
}

function pick<Value>(
  index: Index,
  keys: Iterable<string>,
  read: (by: Set<Needs>) => Value,
): Map<string, Value> {
  const picked = new Map<string, Value>();
  for (const key of keys) {
    const by = index.get(key);
    if (by) picked.set(key, read(by));
  }
  return picked;
}

/** Mostly there is but one. */
function latest(needs: Set<Needs>): Needs {
  return [...needs].reduce((a, b) => (a.since > b.since || (a.since === b.since && a.id > b.id) ? a : b));
}

/** Containers keep the kernel's default link-local address, made from the MAC (RFC 4291, appendix A). */
function linkLocalOf(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const groups = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  // The kernel's spelling: a single leading zero group is swallowed by the `::` before it.
  return `fe80::${groups.map((group) => group.toString(16)).join(':')}`.replace(/^fe80::(0:)+/, 'fe80::');
}

function checkedAddress(text: string): string {
  if (isIP(text) === 0 || text.includes('%'))
    throw new XnetError('INVALID', `"${text}" is not a plain IP address`);
  return text.toLowerCase();
}
