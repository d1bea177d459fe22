import { readFileSync } from 'node:fs';
import { inNamespace } from './socket-namespace.js';

/**
 * The names of the interfaces in the namespace at `path`; undefined: in this process's own. From /proc, for which the kernel
 * takes no lock of its devices, unlike for netlink; synchronous, about a tenth of a millisecond. Throws NOT_FOUND when no
 * namespace is at the path.
 */
export function listInterfaceNames(path: string | undefined): string[] {
  const read = () => readFileSync('/proc/thread-self/net/dev', 'latin1');
  const text = path === undefined ? read() : inNamespace(path, read);
  return [...text.matchAll(/^ *([^\s:|]+):/gm)].map(([, name = '']) => name);
}
