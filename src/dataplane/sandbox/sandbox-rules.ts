/**
 * The nft table `ip xnet` inside a container's network namespace: queries to Docker's resolver address come
 * to our sockets instead, except our own. Docker's chains are not touched; without the table everything is as
 * Docker made it. There is no IPv6 twin because Docker configures 127.0.0.11 alone, on IPv6-only networks too
 * (seen with 28.5).
 *
 * The rules are written over netlink. Where the kernel refuses that, the program nft writes them; its words are in the error.
 */
import { access } from 'node:fs/promises';
import { isXnetError, XnetError } from '../../errors.js';
import {
  compare,
  type Expression,
  FIRST_REGISTER,
  loadDirection,
  loadMark,
  loadPayload,
  loadProtocol,
  NETWORK_HEADER,
  type OutputChain,
  readRules,
  replaceRules,
  SECOND_REGISTER,
  setConnectionMark,
  setRegister,
  TRANSPORT_HEADER,
  translateDestination,
  verdict,
  writtenRules,
} from '../../native/netfilter/nftables.js';
import { RESOLVER_ADDRESS, RESOLVER_PORT } from '../../native/socket-sandbox.js';
import { applyNft, readNftTable } from '../nft/nft.js';

const TABLE = 'ip xnet';

/**
 * Docker's rule is in the nat output hook at -100, as an iptables chain (to 28) or the nft table docker-dns;
 * ours is at -105. A nat hook ends at the first chain that translates, so ours hides Docker's, and what ours
 * lets pass, Docker's takes.
 */
const CHAIN = { table: 'xnet', chain: 'output', type: 'nat', priority: -105 } as const;

/** Of closed containers. After addresses were translated: Docker's resolver is asked by xnet alone, at whatever port it is. */
const GUARD = { table: 'xnet', chain: 'guard', type: 'filter', priority: 0 } as const;

const RESOLVER = Buffer.from(RESOLVER_ADDRESS.split('.').map(Number));

export interface SandboxRedirection {
  readonly udpPort: number;
  readonly tcpPort: number;
  /** SO_MARK of our own queries, and the connection mark of what is redirected. */
  readonly mark: number;
  /** Of a closed container: SO_MARK of our own queries, which no process in it knows. Without it nothing reaches Docker's resolver. */
  readonly secret?: number | undefined;
}

export type RulesFound = 'right' | 'rewritten' | 'repaired';

/** The rules are made, or replaced in one transaction. Throws NOT_FOUND, KERNEL, UNSUPPORTED, TIMEOUT. */
export async function ensureSandboxRules(
  sandboxPath: string,
  redirection: SandboxRedirection,
): Promise<void> {
  await repairSandboxRules(sandboxPath, redirection);
}

/**
 * As `ensureSandboxRules`, in one transaction at most. `rewritten`: rules that are right read otherwise here than they are
 * written, so they were written once more.
 */
export async function repairSandboxRules(
  sandboxPath: string,
  redirection: SandboxRedirection,
): Promise<RulesFound> {
  try {
    return repairOverNetlink(sandboxPath, redirection);
  } catch (error: unknown) {
    if (isXnetError(error, 'NOT_FOUND')) throw error;
    // The program has words for what is wrong.
    return reach(sandboxPath, () => repairByProgram(sandboxPath, redirection));
  }
}

/** Docker's resolver alone again. A namespace that is gone, or has no rule of ours, is success. */
export async function removeSandboxRules(sandboxPath: string): Promise<void> {
  // By the program: deleting a chain waits for RCU, and over netlink the daemon would wait with it.
  await reach(sandboxPath, () =>
    applyNft(sandboxPath, [`add table ${TABLE}`, `delete table ${TABLE}`]),
  ).catch((error: unknown) => {
    if (!isXnetError(error, 'NOT_FOUND')) throw error;
  });
}

const UDP = { name: 'udp', number: 17 } as const;
const TCP = { name: 'tcp', number: 6 } as const;
type Protocol = typeof UDP | typeof TCP;

/** As `ruleLines` has it, in the expressions that nft makes of a line. */
function rule({ number }: Protocol, port: number, { mark, secret = mark }: SandboxRedirection): Expression[] {
  return [
    loadPayload(NETWORK_HEADER, 16, 4),
    compare('equal', RESOLVER),
    loadProtocol(),
    compare('equal', Buffer.from([number])),
    loadPayload(TRANSPORT_HEADER, 2, 2),
    compare('equal', networkOrder(RESOLVER_PORT)),
    loadMark(),
    compare('unequal', machineOrder(secret)),
    setRegister(FIRST_REGISTER, machineOrder(mark)),
    setConnectionMark(),
    setRegister(FIRST_REGISTER, RESOLVER),
    setRegister(SECOND_REGISTER, networkOrder(port)),
    translateDestination(),
  ];
}

function ruleLines(redirection: SandboxRedirection): string[] {
  const { udpPort, tcpPort, mark, secret = mark } = redirection;
  const line = ({ name }: Protocol, port: number) =>
    `add rule ${TABLE} output ip daddr ${RESOLVER_ADDRESS} ${name} dport ${RESOLVER_PORT} meta mark != ${secret} ` +
    `ct mark set ${mark} dnat to ${RESOLVER_ADDRESS}:${port}`;
  return [
    `add table ${TABLE}`,
    `add chain ${TABLE} output { type nat hook output priority ${CHAIN.priority}; policy accept; }`,
    `flush chain ${TABLE} output`,
    line(UDP, udpPort),
    line(TCP, tcpPort),
    ...guardLines(redirection),
  ];
}

/** As `guardLines` has it. */
function guardRules({ udpPort, tcpPort }: SandboxRedirection, secret: number): Expression[][] {
  const toResolver = [loadPayload(NETWORK_HEADER, 16, 4), compare('equal', RESOLVER)];
  const toUs = ({ number }: Protocol, port: number) => [
    ...[...toResolver, loadProtocol(), compare('equal', Buffer.from([number]))],
    ...[loadPayload(TRANSPORT_HEADER, 2, 2), compare('equal', networkOrder(port)), verdict('accept')],
  ];
  return [
    [loadDirection(), compare('equal', Buffer.of(1)), verdict('accept')],
    toUs(UDP, udpPort),
    toUs(TCP, tcpPort),
    [...toResolver, loadMark(), compare('unequal', machineOrder(secret)), verdict('drop')],
  ];
}

function guardLines({ udpPort, tcpPort, secret }: SandboxRedirection): string[] {
  const chain = `${TABLE} ${GUARD.chain}`;
  const made = `add chain ${chain} { type filter hook output priority ${GUARD.priority}; policy accept; }`;
  if (secret === undefined) return [made, `flush chain ${chain}`, `delete chain ${chain}`];
  return [
    made,
    `flush chain ${chain}`,
    `add rule ${chain} ct direction reply accept`,
    `add rule ${chain} ip daddr ${RESOLVER_ADDRESS} udp dport ${udpPort} accept`,
    `add rule ${chain} ip daddr ${RESOLVER_ADDRESS} tcp dport ${tcpPort} accept`,
    `add rule ${chain} ip daddr ${RESOLVER_ADDRESS} meta mark != ${secret} drop`,
  ];
}

function repairOverNetlink(sandboxPath: string, redirection: SandboxRedirection): RulesFound {
  const { udpPort, tcpPort, secret } = redirection;
  const guarded =
    secret === undefined ? 'right' : repairChain(sandboxPath, GUARD, guardRules(redirection, secret));
  const rules = [rule(UDP, udpPort, redirection), rule(TCP, tcpPort, redirection)];
  const found = repairChain(sandboxPath, CHAIN, rules);
  // Guarded by an earlier daemon, which had another mark: nft takes the chain away.
  if (secret === undefined && found !== 'right' && readRules(sandboxPath, GUARD).length > 0)
    throw new XnetError('KERNEL', `${sandboxPath} has a chain that it shall not have`);
  return [guarded, found].find((each) => each === 'repaired') ?? (guarded === 'right' ? found : guarded);
}

function repairChain(sandboxPath: string, chain: OutputChain, rules: readonly Expression[][]): RulesFound {
  const before = readRules(sandboxPath, chain);
  if (before.equals(writtenRules(chain, rules))) return 'right';
  replaceRules(sandboxPath, chain, rules);
  const isSame = before.length > 0 && readRules(sandboxPath, chain).equals(before);
  return isSame ? 'rewritten' : 'repaired';
}

async function repairByProgram(sandboxPath: string, redirection: SandboxRedirection): Promise<RulesFound> {
  const before = await readNftTable(sandboxPath, TABLE);
  await applyNft(sandboxPath, ruleLines(redirection));
  return (await readNftTable(sandboxPath, TABLE)) === before ? 'rewritten' : 'repaired';
}

function networkOrder(port: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(port);
  return bytes;
}

function machineOrder(mark: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(mark);
  return bytes;
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
