/** The network namespaces of ours in /run/netns. */
import { access, readdir } from 'node:fs/promises';
import { errorMessage, XnetError } from '../../errors.js';
import { NAMESPACES, namespaceName, networkIdOf } from '../interface-names.js';
import { type Iproute2, isAbsent, isPresent } from '../iproute2/iproute2.js';
import { startProgram } from '../iproute2/program.js';

/** Settings of br_netfilter, which each namespace has of its own, on by default. */
const BRIDGE_NETFILTER = ['iptables', 'ip6tables', 'arptables'].map(
  (table) => `/proc/sys/net/bridge/bridge-nf-call-${table}`,
);

/** Makes the namespace, or leaves it as it is. */
export async function ensureNamespace(iproute2: Iproute2, networkId: string): Promise<void> {
  await iproute2.run(['netns', 'add', namespaceName(networkId)], isPresent);
}

/** The host's kernel tells of events in namespaces that have a number there, and of no others. Best effort. */
export async function giveNamespaceId(iproute2: Iproute2, networkId: string): Promise<void> {
  const lines = [`netns set ${namespaceName(networkId)} auto`];
  await iproute2.batch('ip', undefined, lines, { tolerate: () => true });
}

/**
 * Spares bridged packets the way through iptables, where the namespace has no rules anyway (about 8 % of TCP
 * throughput in four noisy pairs of runs). Best effort: the module may not be loaded, /proc/sys may be read-only in a plugin's
 * container.
 */
export async function bypassBridgeNetfilter(networkId: string): Promise<void> {
  const present = await access('/proc/sys/net/bridge').then(
    () => true,
    () => false,
  );
  if (!present) return;
  const tee = ['netns', 'exec', namespaceName(networkId), 'tee', ...BRIDGE_NETFILTER];
  await startProgram('ip', tee)
    .finish('0\n')
    .catch(() => {});
}

/** Removes the name; the kernel takes the namespace apart later. Absent is success. */
export async function removeNamespace(iproute2: Iproute2, networkId: string): Promise<void> {
  await iproute2.run(['netns', 'del', namespaceName(networkId)], isAbsent);
}

/** Ids of the networks that have a namespace. */
export async function listNamespaces(): Promise<string[]> {
  const names = await readdir(NAMESPACES).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new XnetError(
      'KERNEL',
      `${NAMESPACES} cannot be read: ${errorMessage(error)}`,
      {},
      { cause: error },
    );
  });
  return names.flatMap((name) => networkIdOf(name) ?? []);
}
