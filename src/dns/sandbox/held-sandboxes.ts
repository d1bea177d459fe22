/**
 * The resolvers' sockets that the keeper holds, under a key for each socket and network: the next daemon learns from the keys
 * alone which sandboxes there are, and which networks' names are answered in each.
 */
import { closeSync } from 'node:fs';
import type { HeldSockets } from '../../keeper/client/held-sockets.js';

const PREFIX = 'sandbox';
const TRANSPORTS = ['udp', 'tcp'] as const;

/** Descriptors of a sandbox's sockets. */
export interface ResolverDescriptors {
  readonly udp: number;
  readonly tcp: number;
}

/** What the keeper holds for one sandbox. */
export interface HeldSandbox {
  readonly sandboxPath: string;
  readonly networkIds: readonly string[];
}

/** Resolves when both sockets outlive this process. */
export async function holdSandbox(
  sockets: HeldSockets,
  sandboxPath: string,
  networkId: string,
  descriptors: ResolverDescriptors,
): Promise<void> {
  await Promise.all(
    TRANSPORTS.map((transport) =>
      sockets.hold(formatKey(transport, networkId, sandboxPath), descriptors[transport]),
    ),
  );
}

/** Nothing held is success. */
export async function releaseSandbox(
  sockets: HeldSockets,
  sandboxPath: string,
  networkId: string,
): Promise<void> {
  await Promise.all(
    TRANSPORTS.map((transport) => sockets.release(formatKey(transport, networkId, sandboxPath))),
  );
}

export function listSandboxes(sockets: HeldSockets): HeldSandbox[] {
  const networks = new Map<string, Set<string>>();
  for (const { key } of sockets.list()) {
    const parsed = parseKey(key);
    if (!parsed) continue;
    const { sandboxPath, networkId } = parsed;
    networks.set(sandboxPath, (networks.get(sandboxPath) ?? new Set()).add(networkId));
  }
  return [...networks].map(([sandboxPath, networkIds]) => ({ sandboxPath, networkIds: [...networkIds] }));
}

/**
 * Duplicates of the sandbox's sockets, the caller's to close; still held after it. Undefined when the keeper has only
 * one of the two: the daemon before us ended between them.
 */
export function takeSandbox(
  sockets: HeldSockets,
  { sandboxPath, networkIds }: HeldSandbox,
): ResolverDescriptors | undefined {
  const [udp, tcp] = TRANSPORTS.map((transport) => {
    for (const networkId of networkIds) {
      const fd = sockets.take(formatKey(transport, networkId, sandboxPath));
      if (fd !== undefined) return fd;
    }
    return undefined;
  });
  if (udp !== undefined && tcp !== undefined) return { udp, tcp };
  for (const fd of [udp, tcp]) if (fd !== undefined) closeSync(fd);
  return undefined;
}

function formatKey(transport: string, networkId: string, sandboxPath: string): string {
  return `${PREFIX}:${transport}:${networkId}:${sandboxPath}`;
}

function parseKey(key: string): { networkId: string; sandboxPath: string } | undefined {
  const [prefix, , networkId, ...path] = key.split(':');
  if (prefix !== PREFIX || networkId === undefined || path.length === 0) return undefined;
  return { networkId, sandboxPath: path.join(':') };
}
