/** What of ours is in the kernel, whoever made it. */
import { isXnetError } from '../../errors.js';
import type { ObservedNetwork } from '../dataplane.js';
import { endpointNameOf, GROUPS, namespaceName } from '../interface-names.js';
import type { Iproute2 } from '../iproute2/iproute2.js';
import { linksSchema } from './links.js';
import { listNamespaces } from './namespaces.js';

/** Throws KERNEL. */
export async function listNetworks(iproute2: Iproute2): Promise<ObservedNetwork[]> {
  const ids = await listNamespaces();
  return Promise.all(ids.map(async (id) => ({ id, endpointNames: await listEndpointNames(iproute2, id) })));
}

/** Endpoints whose outer end is in the host's namespace: in no container (yet, or any more). Throws KERNEL. */
export async function listOuterEnds(iproute2: Iproute2): Promise<string[]> {
  const links = await iproute2.show('ip', undefined, ['link', 'show', 'type', 'veth'], linksSchema);
  return links.flatMap(({ ifname }) => endpointNameOf(ifname) ?? []);
}

async function listEndpointNames(iproute2: Iproute2, networkId: string): Promise<string[]> {
  const args = ['link', 'show', 'group', String(GROUPS.endpoint)];
  try {
    const links = await iproute2.show('ip', namespaceName(networkId), args, linksSchema);
    return links.flatMap(({ ifname }) => endpointNameOf(ifname) ?? []);
  } catch (error: unknown) {
    // Gone since it was listed, or only a name without a namespace: nothing is in it.
    if (isXnetError(error, 'NOT_FOUND')) return [];
    throw error;
  }
}
