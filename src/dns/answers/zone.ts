/**
 * What is known of the names of one network, indexed so that a query costs a few map look-ups, and one endpoint that comes or
 * goes costs its own names, however many others there are.
 */
import { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
import { IndexedEndpoint, type NamedEndpoint, type ZoneEndpoint } from './named-endpoint.js';
import { reverseNameOf4, suffixOf } from './names.js';

const NOBODY: readonly NamedEndpoint[] = [];

export class NetworkZone {
  /** By what they were added with. */
  readonly #endpoints = new Map<object, IndexedEndpoint>();
  /** Without a network's name. */
  readonly #byName = new Map<string, IndexedEndpoint[]>();
  readonly #byReverseName = new Map<string, IndexedEndpoint[]>();
  /** `.` and a name that the network has on hosts of its endpoints, with the number of those. */
  readonly #suffixesOfHosts = new Map<string, number>();
  readonly #ownSuffixes: readonly string[];
  readonly #virtualSubnets: readonly Prefix[];
  /** Those who have a name in more than one way: the same array until something changes. */
  readonly #merged = new Map<string, readonly NamedEndpoint[]>();

  /** Of several names on hosts, always the same. */
  readonly #fullSuffix = () => this.#ownSuffixes[0] ?? [...this.#suffixesOfHosts.keys()].sort()[0] ?? '';

  private constructor(networkNames: readonly string[], virtualSubnets: readonly string[]) {
    this.#ownSuffixes = networkNames.map(suffixOf);
    this.#virtualSubnets = virtualSubnets.map(Prefix.parse);
  }

  /** Each name also stands with `.network` for every one of `networkNames` and of the endpoints' networks; the first is that of full names. */
  static build(
    networkNames: readonly string[],
    endpoints: Iterable<ZoneEndpoint>,
    virtualSubnets: readonly string[] = [],
  ): NetworkZone {
    const zone = new NetworkZone(networkNames, virtualSubnets);
    for (const endpoint of endpoints) zone.add(endpoint);
    return zone;
  }

  /** `key` stands for it in `remove`; nothing is done where one with this key is in the zone. */
  add(endpoint: ZoneEndpoint, key: object = endpoint): void {
    if (this.#endpoints.has(key)) return;
    const indexed = new IndexedEndpoint(endpoint, this.#fullSuffix);
    this.#endpoints.set(key, indexed);
    for (const name of indexed.names) put(this.#byName, name, indexed);
    for (const name of indexed.reverseNames) put(this.#byReverseName, name, indexed);
    this.#count(indexed.suffix, 1);
    this.#merged.clear();
  }

  /** Returns false where none was added with this key. */
  remove(key: object): boolean {
    const indexed = this.#endpoints.get(key);
    if (!indexed) return false;
    this.#endpoints.delete(key);
    for (const name of indexed.names) drop(this.#byName, name, indexed);
    for (const name of indexed.reverseNames) drop(this.#byReverseName, name, indexed);
    this.#count(indexed.suffix, -1);
    this.#merged.clear();
    return true;
  }

  /** Endpoints with this name, given as `nameKey` makes it; none for a name that is not known. The same array until something changes. */
  find(name: string): readonly NamedEndpoint[] {
    const [first = NOBODY, ...others] = [name, ...this.#withoutNetwork(name)].flatMap((each) => {
      const found = this.#byName.get(each);
      return found ? [found] : [];
    });
    if (others.length === 0) return first;
    const merged = this.#merged.get(name) ?? [...new Set([first, ...others].flat())];
    this.#merged.set(name, merged);
    return merged;
  }

  /** Endpoints with the address of this name below in-addr.arpa or ip6.arpa. */
  findByReverseName(name: string): readonly NamedEndpoint[] {
    return this.#byReverseName.get(name) ?? NOBODY;
  }

  /** Endpoints with this IPv4 address, in wire form. */
  findByAddress(address: Uint8Array): readonly NamedEndpoint[] {
    return this.findByReverseName(reverseNameOf4(address));
  }

  get hasVirtual(): boolean {
    return this.#virtualSubnets.length > 0;
  }

  /** Whether this IPv4 address, in wire form, may be a virtual one of swarm's: it is one where no endpoint has it. */
  mayBeVirtual(address: Uint8Array): boolean {
    const value = BigInt(Buffer.from(address).readUInt32BE());
    return this.#virtualSubnets.some(
      (subnet) => subnet.family === 4 && subnet.contains(IpAddress.of(4, value)),
    );
  }

  /** The name without each of the network's names that it ends with. */
  *#withoutNetwork(name: string): Iterable<string> {
    for (const suffix of new Set([...this.#ownSuffixes, ...this.#suffixesOfHosts.keys()]))
      if (name.endsWith(suffix)) yield name.slice(0, -suffix.length);
  }

  #count(suffix: string | undefined, more: number): void {
    if (suffix === undefined) return;
    const count = (this.#suffixesOfHosts.get(suffix) ?? 0) + more;
    if (count > 0) this.#suffixesOfHosts.set(suffix, count);
    else this.#suffixesOfHosts.delete(suffix);
  }
}

function put(index: Map<string, IndexedEndpoint[]>, key: string, endpoint: IndexedEndpoint): void {
  const present = index.get(key);
  if (present) present.push(endpoint);
  else index.set(key, [endpoint]);
}

function drop(index: Map<string, IndexedEndpoint[]>, key: string, endpoint: IndexedEndpoint): void {
  const present = index.get(key) ?? [];
  const at = present.indexOf(endpoint);
  if (at >= 0) present.splice(at, 1);
  if (present.length === 0) index.delete(key);
}
