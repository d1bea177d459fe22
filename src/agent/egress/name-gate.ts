import type { EgressAddress, EgressService } from '../../dataplane/egress/egress-rules.js';
import { errorMessage, isXnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
import { isPrivate } from '../../inet/private-address.js';
import { type AllowedName, type EgressAllow, entriesFor } from './egress-label.js';
import { type GuardedContainer, parseLabel } from './guarded-container.js';

export interface NameGateParts {
  readonly container: () => GuardedContainer | undefined;
  readonly isOwn: (address: string) => boolean;
  /** Somebody asked for a name in vain. */
  readonly refused: (name: string, why: string) => void;
  /** As EgressRules.admit. */
  readonly admit: (addresses: readonly EgressAddress[]) => void;
  /** Makes the rules of the container anew. */
  readonly closeAgain: () => Promise<void>;
}

/** An address that a name was answered with. */
export interface AnsweredAddress {
  readonly address: string;
  readonly ttlSeconds: number;
}

/** Programs keep an address longer than its TTL says, and CDNs answer with others each time. */
const LONGER_SECONDS = 600;
const MOST_SECONDS = 86_400;

/** The names that one container may ask for, and the addresses that come of it. As EgressGate of src/dns/collaborators.ts. */
export class NameGate {
  constructor(private readonly parts: NameGateParts) {}

  judge(name: string): 'allowed' | 'refused' | 'wait' {
    const container = this.parts.container();
    if (!container) return 'wait';
    if (entriesFor(parseLabel(container).allow, name).length > 0) return 'allowed';
    this.parts.refused(name, 'not in xnet.egress.allow');
    return 'refused';
  }

  /** Resolves when packets to them pass, or to why they do not. */
  async admit(
    name: string,
    addresses: readonly AnsweredAddress[],
  ): Promise<'admitted' | 'refused' | 'failed'> {
    const { allow } = parseLabel(this.parts.container());
    const inside = addresses.find(({ address }) => this.#isInside(address, allow));
    if (inside) {
      this.parts.refused(name, `answered with ${inside.address}, which is no public address`);
      return 'refused';
    }
    const admitted = addressesFor(addresses, entriesFor(allow, name));
    try {
      return this.#admit(admitted);
    } catch {
      // The rules are gone, or not made yet by this daemon.
    }
    try {
      await this.parts.closeAgain();
      return this.#admit(admitted);
    } catch (error: unknown) {
      // It has no way out, such as in a network that is internal.
      if (isXnetError(error, 'NOT_FOUND')) return 'admitted';
      this.parts.refused(name, `could not be let through: ${errorMessage(error)}`);
      return 'failed';
    }
  }

  #admit(addresses: readonly EgressAddress[]): 'admitted' {
    if (addresses.length > 0) this.parts.admit(addresses);
    return 'admitted';
  }

  /** A name of somebody else's leads there only where a subnet of the label does. */
  #isInside(text: string, { ranges }: EgressAllow): boolean {
    const address = IpAddress.parse(text);
    if (!isPrivate(address) && !this.parts.isOwn(text)) return false;
    return !ranges.some(({ subnet }) => Prefix.parse(subnet).contains(address));
  }
}

/** Each with the ports of the entries; every port where one of these names none. Pure. */
export function addressesFor(
  addresses: readonly AnsweredAddress[],
  entries: readonly AllowedName[],
): EgressAddress[] {
  const isAny = entries.some(({ port }) => port === undefined);
  const services = new Map(
    entries.flatMap(servicesOf).map((each) => [`${each.port}/${each.protocol}`, each]),
  );
  const ports = isAny ? {} : { ports: [...services.values()] };
  return addresses.map(({ address, ttlSeconds }) => ({
    address,
    seconds: Math.min(ttlSeconds + LONGER_SECONDS, MOST_SECONDS),
    ...ports,
  }));
}

function servicesOf({ port, protocol }: AllowedName): EgressService[] {
  if (port === undefined) return [];
  const protocols = protocol ? [protocol] : (['tcp', 'udp'] as const);
  return protocols.map((each) => ({ port, protocol: each }));
}
