/** The networks of one container as places to look a name up, in the order in which they are asked. Pure. */

import type { NamedEndpoint } from './named-endpoint.js';
import { nameKey } from './names.js';
import type { NetworkZone } from './zone.js';

/** What `--link NAME:ALIAS` gives a container in one network: ALIAS is NAME, for it alone. */
export interface Link {
  readonly name: string;
  readonly alias: string;
}

/** Alias, with and without the network's name, to the name behind it; as `nameKey` makes names. */
export type Links = ReadonlyMap<string, string>;

export const NO_LINKS: Links = new Map();

export interface Scope {
  readonly zone: NetworkZone;
  readonly links: Links;
}

/** Of one container, the first to be asked first. */
export type Scopes = readonly Scope[];

export interface PossibleScopes {
  /** One, or what each container that it may be would have. Never empty. */
  readonly each: readonly Scopes[];
  /** It may also be a container that nothing is known of yet. */
  readonly isOpen: boolean;
}

/** Undefined: the name is not known. Empty: it is a link, whose target no container has now. */
export type Found = readonly NamedEndpoint[] | undefined;

const NOBODY: readonly NamedEndpoint[] = [];

/** `network`: its name in Docker. */
export function linksIn(network: string, links: readonly Link[]): Links {
  if (links.length === 0) return NO_LINKS;
  const suffix = `.${nameKey(network)}`;
  return new Map(
    links.flatMap(({ name, alias }): [string, string][] => [
      [nameKey(alias), nameKey(name)],
      [`${nameKey(alias)}${suffix}`, nameKey(name)],
    ]),
  );
}

/**
 * Who has the name for this container: what a link leads to, in whichever network; else all that have it in the first
 * network that knows it (moby: Sandbox.ResolveName). A link whose target no container has now finds nobody, where
 * Docker would look up the name itself: the name must not lead to another container while the target is restarted.
 */
export function findByName(scopes: Scopes, name: string): Found {
  let isLink = false;
  for (const scope of scopes) {
    const target = scope.links.get(name);
    if (target === undefined) continue;
    isLink = true;
    const found = scope.zone.find(target);
    if (found.length > 0) return found;
  }
  return isLink ? NOBODY : findFirst(scopes, (zone) => zone.find(name));
}

/** Who has the address of this name below in-addr.arpa or ip6.arpa. */
export function findByReverseName(scopes: Scopes, name: string): Found {
  return findFirst(scopes, (zone) => zone.findByReverseName(name));
}

function findFirst(scopes: Scopes, find: (zone: NetworkZone) => readonly NamedEndpoint[]): Found {
  for (const { zone } of scopes) {
    const found = find(zone);
    if (found.length > 0) return found;
  }
  return undefined;
}

/** A network of a container, as far as its place in the order depends on it. */
export interface OrderedNetwork {
  /** Its name in Docker. */
  readonly network: string;
  /** `--gw-priority`; 0 in Docker before 28. */
  readonly priority: number;
  /** 0 to 2: for IPv4, for IPv6. */
  readonly gateways: number;
  /** Of xnet: containers of any host may be in it. */
  readonly isOfCluster: boolean;
  /** Of a network of xnet. Docker gives endpoints of its own internal networks no gateway. */
  readonly isInternal: boolean;
}

/**
 * As Docker orders them (moby: Endpoint.Less): the greater --gw-priority, then those with a way out before internal ones,
 * then by name. But at equal priority the networks of this host come before those of the cluster: whoever starts a
 * container on another host must not take over a name that this container has had from its own networks.
 */
export function compareNetworks(one: OrderedNetwork, other: OrderedNetwork): number {
  return (
    other.priority - one.priority ||
    Number(one.isOfCluster) - Number(other.isOfCluster) ||
    Number(one.isInternal) - Number(other.isInternal) ||
    other.gateways - one.gateways ||
    (one.network < other.network ? -1 : 1)
  );
}
