/** What of ours is in the kernel, whoever made it. All throw KERNEL. */
import { isXnetError } from '../../errors.js';
import type { ObservedNetwork } from '../dataplane.js';
import { endpointNameOf, GROUPS, namespaceName } from '../interface-names.js';
import type { Iproute2 } from '../iproute2/iproute2.js';
import { inodeOfNamespace } from '../iproute2/standing-programs.js';
import { type Link, linksSchema } from './links.js';
import { listNamespaces } from './namespaces.js';

/**
 * The devices of the network's namespace, without its endpoints' unless `all`; undefined when there is no such
 * (usable) namespace.
 */
export async function findLinks(
  iproute2: Iproute2,
  networkId: string,
  { all = false } = {},
): Promise<Link[] | undefined> {
  if ((await inodeOfNamespace(namespaceName(networkId))) === undefined) return undefined;
  return showLinks(iproute2, networkId, ['-d', 'link', 'show', ...(all ? [] : inGroup(GROUPS.core))]);
}

export async function listNetworks(iproute2: Iproute2): Promise<ObservedNetwork[]> {
  const ids = await listNamespaces();
  return Promise.all(
    ids.map(async (id) => {
      // Undefined when it is gone since, or only a name without a namespace: nothing is in it.
      const links = await showLinks(iproute2, id, ['link', 'show', ...inGroup(GROUPS.endpoint)]);
      return { id, endpointNames: endpointNamesOf(links ?? []) };
    }),
  );
}

/** Endpoints whose outer end is in the host's namespace: in no container (yet, or any more). */
export async function listOuterEnds(iproute2: Iproute2): Promise<string[]> {
  return endpointNamesOf(await iproute2.show('ip', undefined, ['link', 'show', 'type', 'veth'], linksSchema));
}

async function showLinks(
  iproute2: Iproute2,
  networkId: string,
  args: readonly string[],
): Promise<Link[] | undefined> {
  return iproute2.show('ip', namespaceName(networkId), args, linksSchema).catch((error: unknown) => {
    if (isXnetError(error, 'NOT_FOUND')) return undefined;
    throw error;
  });
}

function inGroup(group: number): string[] {
  return ['group', String(group)];
}

function endpointNamesOf(links: readonly Link[]): string[] {
  return links.flatMap(({ ifname }) => endpointNameOf(ifname) ?? []);
}
