/**
 * The nft table `ip xnet` inside a container's network namespace: queries to Docker's resolver address come
 * to our sockets instead, except our own. Docker's chains are not touched; without the table everything is as
 * Docker made it. There is no IPv6 twin because Docker configures 127.0.0.11 alone, on IPv6-only networks too
 * (seen with 28.5).
 */
import { access } from 'node:fs/promises';
import { isXnetError, XnetError } from '../errors.js';
import { applyNft } from './nft.js';

const TABLE = 'ip xnet';

export interface SandboxRedirection {
  readonly udpPort: number;
  readonly tcpPort: number;
  /** SO_MARK of our own queries, and the connection mark of what is redirected. */
  readonly mark: number;
}

/** The rule is made, or replaced, in one transaction. Throws NOT_FOUND, KERNEL, UNSUPPORTED, TIMEOUT. */
export async function ensureSandboxRules(
  sandboxPath: string,
  redirection: SandboxRedirection,
): Promise<void> {
  await apply(sandboxPath, sandboxRuleLines(redirection));
}

/** Docker's resolver alone again. A namespace that is gone, or has no rule of ours, is success. */
export async function removeSandboxRules(sandboxPath: string): Promise<void> {
  await apply(sandboxPath, [`add table ${TABLE}`, `delete table ${TABLE}`]).catch((error: unknown) => {
    if (!isXnetError(error, 'NOT_FOUND')) throw error;
  });
}

/**
 * Docker's rule is in the nat output hook at -100, as an iptables chain (to 28) or the nft table docker-dns;
 * ours is at -105. A nat hook ends at the first chain that translates, so ours hides Docker's, and what ours
 * lets pass, Docker's takes.
 */
function sandboxRuleLines({ udpPort, tcpPort, mark }: SandboxRedirection): string[] {
  const rule = (protocol: 'udp' | 'tcp', port: number) =>
    `add rule ${TABLE} output ip daddr 127.0.0.11 ${protocol} dport 53 meta mark != ${mark} ` +
    `ct mark set ${mark} dnat to 127.0.0.11:${port}`;
  // Flushed rather than deleted and made anew: deleting waits for RCU (20 ms), and a container start for us.
  return [
    `add table ${TABLE}`,
    `add chain ${TABLE} output { type nat hook output priority -105; policy accept; }`,
    `flush chain ${TABLE} output`,
    rule('udp', udpPort),
    rule('tcp', tcpPort),
  ];
}

async function apply(sandboxPath: string, lines: readonly string[]): Promise<void> {
  await applyNft(sandboxPath, lines).catch(async (error: unknown) => {
    await access(sandboxPath).catch(() => {
      throw new XnetError(
        'NOT_FOUND',
        `the sandbox ${sandboxPath} is gone`,
        { sandboxPath },
        { cause: error },
      );
    });
    throw error;
  });
}
