/**
 * The zones of the networks that this host follows: made from their endpoints' records when first asked for, and changed with
 * the records that change from then on.
 */
import type { EndpointRecord } from '../../model/endpoint.js';
import type { ZoneEndpoint } from './named-endpoint.js';
import { NetworkZone } from './zone.js';

export interface ZoneSources {
  /** The endpoints of a network on all hosts; undefined while they are not known. */
  readonly endpointsOf: (networkId: string) => readonly EndpointRecord[] | undefined;
  /** The network's name in the cluster, where it has one. */
  readonly nameOf: (networkId: string) => string | undefined;
  /** Where swarm gives services virtual addresses; none in a network that it has no hand in. */
  readonly virtualSubnetsOf: (networkId: string) => readonly string[];
  /** false: the host is silent; its endpoints are answered where no others are. */
  readonly isAlive: (hostId: string) => boolean;
  /** false: `endpointsOf` is about to know better. */
  readonly isCurrent: (networkId: string) => boolean;
}

/** What `endpointsOf` had of one endpoint, the very object, and what it has now. */
export interface EndpointChange {
  readonly before: EndpointRecord | undefined;
  readonly now: EndpointRecord | undefined;
}

interface MadeZone {
  readonly zone: NetworkZone;
  /** The network's name and virtual subnets, of which it was made. */
  readonly network: string;
}

export class Zones {
  readonly #zones = new Map<string, MadeZone>();
  #sources: ZoneSources;

  constructor(sources: ZoneSources) {
    this.#sources = sources;
  }

  /** From now on these are asked. */
  connect(sources: ZoneSources): void {
    this.#sources = sources;
    this.#zones.clear();
  }

  /** As it is now. Costs a few map look-ups, but for the first time. */
  find(networkId: string): NetworkZone | undefined {
    const { nameOf, virtualSubnetsOf, endpointsOf, isAlive } = this.#sources;
    const [name, subnets] = [nameOf(networkId), virtualSubnetsOf(networkId)];
    const network = [name, ...subnets].join(' ');
    const known = this.#zones.get(networkId);
    if (known?.network === network) return known.zone;
    const records = endpointsOf(networkId);
    if (!records) return undefined;
    const zone = NetworkZone.build(name === undefined ? [] : [name], [], subnets);
    for (const record of records) zone.add(new RecordedEndpoint(record, isAlive), record);
    this.#zones.set(networkId, { zone, network });
    return zone;
  }

  /** false: more of its names will be known soon. */
  isCurrent(networkId: string): boolean {
    return this.#sources.isCurrent(networkId);
  }

  /** Records of the network have changed: these alone, or, without `changes`, any. */
  changed(networkId: string, changes?: Iterable<EndpointChange>): void {
    const zone = this.#zones.get(networkId)?.zone;
    if (!zone || (changes && this.#follow(zone, changes))) return;
    this.#zones.delete(networkId);
  }

  /** Returns false where the zone was not made of these records. */
  #follow(zone: NetworkZone, changes: Iterable<EndpointChange>): boolean {
    for (const { before, now } of changes) {
      if (before && !zone.remove(before)) return false;
      if (now) zone.add(new RecordedEndpoint(now, this.#sources.isAlive), now);
    }
    return true;
  }
}

/** A record as a zone has it. */
class RecordedEndpoint implements ZoneEndpoint {
  constructor(
    private readonly record: EndpointRecord,
    private readonly isAlive: ZoneSources['isAlive'],
  ) {}

  get addresses() {
    return this.record.addresses;
  }

  get names() {
    return this.record.names?.names ?? [];
  }

  get containerName() {
    return this.record.names?.container;
  }

  /** Where a Docker network has another name than the cluster's, its containers may use that as well. */
  get network() {
    return this.record.names?.network;
  }

  get ports() {
    return this.record.names?.ports ?? [];
  }

  get alive() {
    return this.isAlive(this.record.hostId);
  }
}
