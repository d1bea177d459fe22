/**
 * What is known of the names of one network, indexed so that a query costs a map look-up. A zone is never
 * changed: when the network's records change, another is built and takes its place.
 */
import { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';

export interface ZonePort {
  readonly port: number;
  /** `tcp`, `udp` or `sctp`. */
  readonly protocol: string;
}

export interface ZoneEndpoint {
  /** Plain IPv4 and IPv6 addresses; what is none is left out. */
  readonly addresses: readonly string[];
  /** Container name, aliases, Compose service, short id, hostname. */
  readonly names: readonly string[];
  /** What PTR and SRV answer with; without it the first of `names` serves. */
  readonly containerName?: string | undefined;
  /** Exposed ports, for SRV. */
  readonly ports: readonly ZonePort[];
  /** false: its host is silent. It is answered where no other is. */
  readonly alive: boolean;
}

export interface NamedEndpoint {
  /** `<container>.<network>` as queries are compared; undefined for an endpoint without any name. */
  readonly fullName: string | undefined;
  /** Wire form: 4 bytes each. */
  readonly ipv4: readonly Uint8Array[];
  /** Wire form: 16 bytes each. */
  readonly ipv6: readonly Uint8Array[];
  readonly ports: readonly ZonePort[];
  readonly alive: boolean;
}

export class NetworkZone {
  private constructor(
    private readonly byName: ReadonlyMap<string, readonly NamedEndpoint[]>,
    private readonly byReverseName: ReadonlyMap<string, readonly NamedEndpoint[]>,
    private readonly virtualSubnets: readonly Prefix[],
  ) {}

  /** Each name also stands with `.network` for every one of `networkNames`; the first is that of full names. */
  static build(
    networkNames: readonly string[],
    endpoints: Iterable<ZoneEndpoint>,
    virtualSubnets: readonly string[] = [],
  ): NetworkZone {
    const byName = new Map<string, NamedEndpoint[]>();
    const byReverseName = new Map<string, NamedEndpoint[]>();
    const suffixes = networkNames.map((name) => `.${nameKey(name)}`);
    for (const endpoint of endpoints) {
      const addresses = endpoint.addresses.flatMap(parsedAddress);
      const named = namedEndpoint(endpoint, addresses, suffixes[0] ?? '');
      for (const name of namesOf(endpoint)) {
        for (const suffix of ['', ...suffixes]) add(byName, `${name}${suffix}`, named);
      }
      for (const address of addresses) add(byReverseName, reverseName(address), named);
    }
    return new NetworkZone(byName, byReverseName, virtualSubnets.map(Prefix.parse));
  }

  /** Endpoints with this name, given as `nameKey` makes it; none for a name that is not known. */
  find(name: string): readonly NamedEndpoint[] {
    return this.byName.get(name) ?? [];
  }

  /** Endpoints with the address of this name below in-addr.arpa or ip6.arpa. */
  findByReverseName(name: string): readonly NamedEndpoint[] {
    return this.byReverseName.get(name) ?? [];
  }

  /** Endpoints with this IPv4 address, in wire form. */
  findByAddress(address: Uint8Array): readonly NamedEndpoint[] {
    return this.findByReverseName(reverseNameOf4(address));
  }

  get hasVirtual(): boolean {
    return this.virtualSubnets.length > 0;
  }

  /** Whether this IPv4 address, in wire form, may be a virtual one of swarm's: it is one where no endpoint has it. */
  mayBeVirtual(address: Uint8Array): boolean {
    const value = BigInt(Buffer.from(address).readUInt32BE());
    return this.virtualSubnets.some(
      (subnet) => subnet.family === 4 && subnet.contains(IpAddress.of(4, value)),
    );
  }
}

/**
 * The form in which names are compared: a character a byte of its UTF-8 text, as it comes in a query, with
 * ASCII's upper case folded (RFC 4343) and nothing else.
 */
export function nameKey(name: string): string {
  return foldCase(Buffer.from(name, 'utf8').toString('latin1').replace(/\.$/, ''));
}

export function foldCase(bytes: string): string {
  return /[A-Z]/.test(bytes) ? bytes.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : bytes;
}

function namesOf(endpoint: ZoneEndpoint): Set<string> {
  const names = endpoint.containerName ? [endpoint.containerName, ...endpoint.names] : endpoint.names;
  return new Set(names.map(nameKey).filter((name) => name !== ''));
}

function namedEndpoint(
  endpoint: ZoneEndpoint,
  addresses: readonly IpAddress[],
  suffix: string,
): NamedEndpoint {
  const [first] = namesOf(endpoint);
  const wire = (family: 4 | 6) =>
    addresses.filter((address) => address.family === family).map((address) => addressBytes(address));
  return {
    fullName: first === undefined ? undefined : `${first}${suffix}`,
    ipv4: wire(4),
    ipv6: wire(6),
    ports: endpoint.ports,
    alive: endpoint.alive,
  };
}

function parsedAddress(text: string): IpAddress[] {
  try {
    return [IpAddress.parse(text)];
  } catch {
    // Another host's record; the rest of the zone is right.
    return [];
  }
}

function hexDigits(address: IpAddress): string {
  return address.value.toString(16).padStart(address.family === 4 ? 8 : 32, '0');
}

function addressBytes(address: IpAddress): Uint8Array {
  return Uint8Array.from(Buffer.from(hexDigits(address), 'hex'));
}

function reverseName(address: IpAddress): string {
  if (address.family === 4) return reverseNameOf4(addressBytes(address));
  return `${[...hexDigits(address)].reverse().join('.')}.ip6.arpa`;
}

function reverseNameOf4(bytes: Uint8Array): string {
  return `${[...bytes].reverse().join('.')}.in-addr.arpa`;
}

function add(index: Map<string, NamedEndpoint[]>, key: string, endpoint: NamedEndpoint): void {
  const present = index.get(key);
  if (!present) index.set(key, [endpoint]);
  else if (!present.includes(endpoint)) present.push(endpoint);
}
