/** One endpoint in a zone: what is given of it, what queries find of it, and the names under which they do. */
import { addressBytes, nameKey, reverseName, suffixOf } from './names.js';

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
  /** A name of the network on the endpoint's host, for NAME.NETWORK of all endpoints. */
  readonly network?: string | undefined;
  /** Exposed ports, for SRV. */
  readonly ports: readonly ZonePort[];
  /** false: its host is silent. It is answered where no other is. Asked at every query. */
  readonly alive: boolean;
}

export interface NamedEndpoint {
  /** Without them it has no addresses of that family; asked of thousands at each query. */
  readonly mayHaveIpv4: boolean;
  readonly mayHaveIpv6: boolean;
  /** `<container>.<network>` as queries are compared; undefined for an endpoint without any name. */
  readonly fullName: string | undefined;
  /** Wire form: 4 bytes each. */
  readonly ipv4: readonly Uint8Array[];
  /** Wire form: 16 bytes each. */
  readonly ipv6: readonly Uint8Array[];
  readonly ports: readonly ZonePort[];
  readonly alive: boolean;
}

/** Large networks have many, of which few are ever asked for: what only an answer needs is made when it is first needed. */
export class IndexedEndpoint implements NamedEndpoint {
  readonly names: readonly string[];
  readonly reverseNames: readonly string[];
  readonly suffix: string | undefined;
  readonly mayHaveIpv4: boolean;
  readonly mayHaveIpv6: boolean;
  #wire: readonly Uint8Array[] | undefined;

  constructor(
    private readonly endpoint: ZoneEndpoint,
    private readonly fullSuffix: () => string,
  ) {
    const { containerName, network, names, addresses } = endpoint;
    const all = containerName ? [containerName, ...names] : names;
    this.names = [...new Set(all.map(nameKey))].filter((name) => name !== '');
    this.reverseNames = [...new Set(addresses.flatMap((address) => reverseName(address) ?? []))];
    this.mayHaveIpv4 = addresses.some((address) => !address.includes(':'));
    this.mayHaveIpv6 = addresses.some((address) => address.includes(':'));
    this.suffix = network === undefined ? undefined : suffixOf(network);
  }

  get fullName(): string | undefined {
    return this.names[0] === undefined ? undefined : `${this.names[0]}${this.fullSuffix()}`;
  }

  get ipv4(): readonly Uint8Array[] {
    return this.#addresses.filter(({ length }) => length === 4);
  }

  get ipv6(): readonly Uint8Array[] {
    return this.#addresses.filter(({ length }) => length === 16);
  }

  get ports(): readonly ZonePort[] {
    return this.endpoint.ports;
  }

  get alive(): boolean {
    return this.endpoint.alive;
  }

  get #addresses(): readonly Uint8Array[] {
    this.#wire ??= this.endpoint.addresses.flatMap((address) => addressBytes(address) ?? []);
    return this.#wire;
  }
}
