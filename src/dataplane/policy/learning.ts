/** For a time, notes which connections begin in a network, in tables that let everything pass. */
import { randomBytes } from 'node:crypto';
import { sleep } from '../../concurrency/deadline.js';
import { XnetError } from '../../errors.js';
import { listTables } from '../../native/netfilter/list-tables.js';
import { namespaceName, namespacePath } from '../interface-names.js';
import { inodeOfNamespace } from '../iproute2/standing-programs.js';
import { applyNft, isAbsentInNft, runNft } from '../nft/nft.js';
import type { SeenFrames } from './policies.js';
import { readDenied } from './read-policy-table.js';

/** Of the names of all tables that note for somebody. */
const PREFIX = 'xnet-learn';
const MOST_SEEN = 16_384;
/** For which answers are known as such, as where a policy is in force. */
const FLOW_SECONDS = 180;

export class Learning {
  /** Tables of this process. Of the daemons of a host one runs, so all others were left by one that was killed. */
  readonly #own = new Set<string>();

  /** As PolicyDevice.learn, in a table of its own. */
  async learn(networkId: string, ms: number, signal: AbortSignal): Promise<readonly SeenFrames[]> {
    const namespace = namespaceName(networkId);
    const inode = inodeOfNamespace(namespace);
    if (inode === undefined) return [];
    const name = `${PREFIX}-${randomBytes(4).toString('hex')}`;
    this.#own.add(name);
    try {
      await this.removeStale(networkId);
      await applyNft(namespace, lines(`bridge ${name}`));
      await sleep(ms, signal);
      return readDenied(await runNft(namespace, ['-j', 'list', 'set', 'bridge', name, 'seen']));
    } catch (error: unknown) {
      if (!isAbsentInNft(error)) throw error;
      // Its last container has left this host.
      if (inodeOfNamespace(namespace) !== inode) return [];
      throw removedMeanwhile(name, namespace, error);
    } finally {
      await applyNft(namespace, removal(name)).catch(() => undefined);
      this.#own.delete(name);
    }
  }

  /** Of the network, where it is here. Throws KERNEL. */
  async removeStale(networkId: string): Promise<void> {
    const namespace = namespaceName(networkId);
    if (inodeOfNamespace(namespace) === undefined) return;
    const tables = listTables(namespacePath(namespace), 'bridge');
    const stale = tables.filter((name) => name.startsWith(PREFIX) && !this.#own.has(name));
    if (stale.length > 0) await applyNft(namespace, stale.flatMap(removal));
  }
}

/** Also where it is not there. */
function removal(name: string): string[] {
  return [`add table bridge ${name}`, `delete table bridge ${name}`];
}

function removedMeanwhile(name: string, namespace: string, cause: unknown): XnetError {
  const message = `the nft table bridge ${name} of namespace ${namespace} was removed while it noted which connections begin: find the program that flushes nftables there, and ask again`;
  return new XnetError('KERNEL', message, {}, { cause });
}

/** Of UDP what comes first of two ways between two ports. Where no more can be noted nothing is: an answer would seem to begin something. */
function lines(table: string): string[] {
  const add = (rule: string) => `add rule ${table} forward ${rule}`;
  const flow = (type: string) =>
    `{ type ${type} . ${type} . inet_proto . inet_service . inet_service; flags dynamic,timeout; timeout ${FLOW_SECONDS}s; size ${MOST_SEEN}; }`;
  const seen = 'update @seen { ether saddr . ether daddr . meta l4proto . th dport counter }';
  const udp = (family: 'ip' | 'ip6', set: string) => {
    const is = `ether type ${family} meta l4proto { udp, sctp }`;
    return [
      add(`${is} ${family} saddr . ${family} daddr . meta l4proto . th sport . th dport @${set} accept`),
      add(
        `${is} update @${set} { ${family} daddr . ${family} saddr . meta l4proto . th dport . th sport } ${seen}`,
      ),
    ];
  };
  return [
    `add table ${table}`,
    `add set ${table} seen { type ether_addr . ether_addr . inet_proto . inet_service; flags dynamic,timeout; timeout 1h; size ${MOST_SEEN}; }`,
    `add set ${table} begun4 ${flow('ipv4_addr')}`,
    `add set ${table} begun6 ${flow('ipv6_addr')}`,
    `add chain ${table} forward { type filter hook forward priority -100; policy accept; }`,
    add('ether daddr & 01:00:00:00:00:00 != 00:00:00:00:00:00 accept'),
    add(`tcp flags & (syn | ack) == syn ${seen}`),
    ...udp('ip', 'begun4'),
    ...udp('ip6', 'begun6'),
  ];
}
