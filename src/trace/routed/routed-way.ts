/** Which way a host sends packets of a routed network. Pure. */
import type { RoutedFacts } from '../../dataplane/inspection.js';
import type { Side } from '../trace.js';

/** `local`: to a container of this host. */
export type RoutedWay = 'local' | 'direct' | 'tunnel';

/** Name of an element of the network's table. */
export function elementOf(map: 'mac' | 'port' | 'direct' | 'tunnel' | 'from', address: string): string {
  return `${map}${address.includes(':') ? 6 : 4} ${address}`;
}

/** In the order in which the table looks. Undefined: nowhere. */
export function wayIn({ elements }: RoutedFacts, address: string): RoutedWay | undefined {
  if (elements[elementOf('mac', address)] !== undefined) return 'local';
  return (['direct', 'tunnel'] as const).find((way) => elements[elementOf(way, address)] !== undefined);
}

/** Undefined also where nothing is known of it. */
export function routedWay({ facts }: Side, address: string | undefined): RoutedWay | undefined {
  const part = 'refusal' in facts ? undefined : facts.routed;
  return part && 'found' in part && address !== undefined ? wayIn(part.found, address) : undefined;
}
