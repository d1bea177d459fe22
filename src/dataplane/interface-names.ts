/** The names of kernel objects of xnet, and the ids that can be read from them. */
import { createHash } from 'node:crypto';

/** Where network namespaces have names. */
export const NAMESPACES = '/run/netns';

/** The network namespace in which paths to other hosts are measured. */
export const PATHS_NAMESPACE = 'xnet-paths';

/** The network namespace whose kernel answers tests of pairs, the end of a veth pair that leads there from the host's, and the nft table. */
export const PAIRS_NAMESPACE = 'xnet-pairs';
export const PAIRS_DEVICE = 'xnet-pairs';
export const PAIRS_TABLE = 'netdev xnet-pairs';

export const BRIDGE = 'br0';
export const VXLAN = 'vxlan0';

/**
 * Link groups inside a network's namespace (`ip link` can list and delete a group in one kernel operation,
 * so that many devices wait for RCU once, not each).
 */
export const GROUPS = { core: 1, endpoint: 2, leaving: 3 } as const;

const NAMESPACE_PREFIX = 'xnet-';
const INTERFACE_PREFIX = 'xc';

/** The network namespace in /run/netns of the network. */
export function namespaceName(networkId: string): string {
  return `${NAMESPACE_PREFIX}${networkId}`;
}

/** The file of a namespace with a name. */
export function namespacePath(name: string): string {
  return `${NAMESPACES}/${name}`;
}

/** The network id behind a namespace name; undefined when the namespace is not ours. */
export function networkIdOf(namespace: string): string | undefined {
  return /^xnet-([0-9a-f]{12})$/.exec(namespace)?.[1];
}

/** The nft table in the network's namespace, of family netdev, that says from what a container may send. `port`: an interface name. */
export function sourcesTableName(networkId: string, port: string): string {
  return `${namespaceName(networkId)}-${endpointNameOf(port) ?? port}`;
}

export function networkIdOfSources(table: string): string | undefined {
  return /^xnet-([0-9a-f]{12})-[0-9a-f]{12}$/.exec(table)?.[1];
}

/**
 * The name of the endpoint's interface: `xc` and 12 hex digits, which fits Linux's 15 characters. Both ends
 * of the pair bear it, the port on the bridge and the end that libnetwork moves. The digits are the start of
 * a Docker id (64 hex digits), the id itself when it is of `endpointNameOf`, else a hash.
 */
export function interfaceName(endpointId: string): string {
  if (/^([0-9a-f]{12}|[0-9a-f]{64})$/.test(endpointId)) return INTERFACE_PREFIX + endpointId.slice(0, 12);
  return INTERFACE_PREFIX + createHash('sha256').update(endpointId).digest('hex').slice(0, 12);
}

/** The 12 digits in an interface name; undefined when the interface is not ours. */
export function endpointNameOf(interfaceName: string): string | undefined {
  return /^xc([0-9a-f]{12})$/.exec(interfaceName)?.[1];
}
