/** For people: what the kernel has dropped of each container, and which are not held to their own MACs and addresses. */
import { isXnetError } from '../../errors.js';
import { listInterfaceNames } from '../../native/interface-names.js';
import { countPortTables, readPortTables } from '../../native/netfilter/ingress-chain.js';
import type { EndpointSpec } from '../dataplane.js';
import { endpointNameOf, namespaceName, namespacePath } from '../interface-names.js';
import { ownerOf, planFilter } from './plan-filter.js';

/** As HostReading.countForged. */
export function countForged(networkId: string): ReadonlyMap<string, number> {
  const { path, prefix } = tablesOf(networkId);
  return ifThere(new Map<string, number>(), () => {
    const counts = countPortTables(path, (table) => table.startsWith(prefix));
    return new Map([...counts].map(([table, packets]) => [table.slice(prefix.length), packets]));
  });
}

/** As HostReading.findUnheld. */
export function findUnheld(networkId: string, endpoints: readonly EndpointSpec[]): readonly string[] {
  const { path, prefix } = tablesOf(networkId);
  return ifThere([], () => {
    const ports = new Set(listInterfaceNames(path));
    const tables = readPortTables(path, (table) => table.startsWith(prefix));
    const { missing, altered } = planFilter(networkId, tables, endpoints.map(ownerOf), ports);
    return [...missing, ...altered].map(({ name }) => endpointNameOf(name) ?? name);
  });
}

function tablesOf(networkId: string) {
  const namespace = namespaceName(networkId);
  return { path: namespacePath(namespace), prefix: `${namespace}-` };
}

function ifThere<T>(otherwise: T, read: () => T): T {
  try {
    return read();
  } catch (error: unknown) {
    if (isXnetError(error, 'NOT_FOUND')) return otherwise;
    throw error;
  }
}
