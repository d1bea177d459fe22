/**
 * The nft table `ip xnet` inside a container's network namespace: queries to Docker's resolver address come
 * to our sockets instead, except our own. Docker's chains are not touched; without the table everything is as
 * Docker made it. There is no IPv6 twin because Docker configures 127.0.0.11 alone, on IPv6-only networks too
 * (seen with 28.5).
 */
import { access } from 'node:fs/promises';
import { isXnetError, XnetError } from '../../errors.js';
import { applyNft, readNftTable } from '../nft/nft.js';

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

/**
 * Puts the rule back where it is not as `ensureSandboxRules` made it. Resolves to whether it was not. Throws like it.
 */
export async function repairSandboxRules(
  sandboxPath: string,
  redirection: SandboxRedirection,
): Promise<boolean> {
  const before = await reach(sandboxPath, () => readNftTable(sandboxPath, TABLE));
  if (before !== undefined && isRight(before, redirection)) return false;
  await ensureSandboxRules(sandboxPath, redirection);
  // An nft that prints our rules in words that are not known here.
  return (await reach(sandboxPath, () => readNftTable(sandboxPath, TABLE))) !== before;
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

/** Whether nft's text of the table is that of our rules, and of nothing else. */
export function isRight(text: string, { udpPort, tcpPort, mark }: SandboxRedirection): boolean {
  const number = `0x0*${mark.toString(16)}`;
  const rule = (protocol: string, port: number) =>
    `ip daddr 127\\.0\\.0\\.11 ${protocol} dport (53|domain) meta mark != ${number} ct mark set ${number} dnat to 127\\.0\\.0\\.11:${port}`;
  const lines = [
    `table ${TABLE} {`,
    'chain output {',
    'type nat hook output priority [^;]+; policy accept;',
    rule('udp', udpPort),
    rule('tcp', tcpPort),
    '}',
    '}',
  ];
  const found = text.split('\n').flatMap((line) => line.trim() || []);
  return (
    found.length === lines.length && lines.every((line, i) => new RegExp(`^${line}$`).test(found[i] ?? ''))
  );
}

async function apply(sandboxPath: string, lines: readonly string[]): Promise<void> {
  await reach(sandboxPath, () => applyNft(sandboxPath, lines));
}

/** A failure of `work` is NOT_FOUND when the sandbox is gone. */
async function reach<T>(sandboxPath: string, work: () => Promise<T>): Promise<T> {
  return work().catch(async (error: unknown) => {
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
