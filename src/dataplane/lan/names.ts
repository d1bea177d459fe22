/**
 * How LAN devices of xnet are recognised, also in a container and after a crash: by their alias or further name, which stay when Docker
 * moves and renames them.
 */
import { endpointNameOf, interfaceName } from '../interface-names.js';

/** Of a network without a parent: the end on which its children are, and the one that keeps its carrier up. */
export const WIRE = { own: 'lan0', peer: 'lan1' } as const;

/** Of a VLAN's sub-interface that xnet has made. */
export const OWN_ALIAS = 'xnet';

/** Of a container's interface. */
export function childAlias(networkId: string, endpointId: string): string {
  return `xnet:${networkId}:${endpointNameOf(interfaceName(endpointId))}`;
}

/** Of one that is being made again in a container, under whatever name: one that stays so is to be deleted. */
export function unfinishedAlias(networkId: string, endpointId: string): string {
  return childAlias(networkId, endpointId).replace(/^xnet/, 'xnet-unfinished');
}

export interface ChildIds {
  readonly networkId: string;
  /** As `endpointNames` of ObservedNetwork. */
  readonly endpointName: string;
}

/** Undefined: it is not the alias of a container's interface. */
export function childIdsOf(alias = ''): ChildIds | undefined {
  const [, networkId, endpointName] = /^xnet:([0-9a-f]{12}):([0-9a-f]{12})$/.exec(alias) ?? [];
  return networkId === undefined || endpointName === undefined ? undefined : { networkId, endpointName };
}

/** The host's own interface on the network's LAN. */
export function hostInterfaceName(networkId: string): string {
  return `xh${networkId}`;
}

/** A further name of a VLAN's sub-interface: the network uses it. */
export function useName(networkId: string): string {
  return `xl${networkId}`;
}

/** The network in a name that one of the two gives; undefined: neither does. */
export function networkIdIn(name: string): string | undefined {
  return /^x[hl]([0-9a-f]{12})$/.exec(name)?.[1];
}

export function isUseName(name: string): boolean {
  return /^xl[0-9a-f]{12}$/.test(name);
}

export function isHostInterface(name: string): boolean {
  return /^xh[0-9a-f]{12}$/.test(name);
}
