/** For a time, notes which connections begin in a network, in a table of its own that lets everything pass. */
import { sleep } from '../../concurrency/deadline.js';
import { namespaceName } from '../interface-names.js';
import { inodeOfNamespace } from '../iproute2/standing-programs.js';
import { applyNft, isAbsentInNft, runNft } from '../nft/nft.js';
import type { SeenFrames } from './policies.js';
import { readDenied } from './read-policy-table.js';

const TABLE = 'bridge xnet-learn';
const MOST_SEEN = 16_384;

/** As PolicyDevice.learn. */
export async function learnConnections(
  networkId: string,
  ms: number,
  signal: AbortSignal,
): Promise<readonly SeenFrames[]> {
  const namespace = namespaceName(networkId);
  if (inodeOfNamespace(namespace) === undefined) return [];
  // Another that learns at the same time, or was killed, has left nothing of use.
  await applyNft(namespace, [...removal(), ...lines()]);
  try {
    await sleep(ms, signal);
    return readDenied(await runNft(namespace, ['-j', 'list', 'set', ...TABLE.split(' '), 'seen']));
  } catch (error: unknown) {
    if (isAbsentInNft(error)) return [];
    throw error;
  } finally {
    await applyNft(namespace, removal()).catch(() => undefined);
  }
}

function removal(): string[] {
  return [`add table ${TABLE}`, `delete table ${TABLE}`];
}

/** Of UDP what comes first of two ways between two ports. */
function lines(): string[] {
  const add = (rule: string) => `add rule ${TABLE} forward ${rule}`;
  const flow = (type: string) =>
    `{ type ${type} . ${type} . inet_proto . inet_service . inet_service; flags dynamic,timeout; timeout 1h; size ${MOST_SEEN}; }`;
  const udp = (family: 'ip' | 'ip6', set: string) => {
    const is = `ether type ${family} meta l4proto { udp, sctp }`;
    return [
      add(`${is} ${family} saddr . ${family} daddr . meta l4proto . th sport . th dport @${set} accept`),
      add(`${is} update @${set} { ${family} daddr . ${family} saddr . meta l4proto . th dport . th sport }`),
    ];
  };
  const seen = 'update @seen { ether saddr . ether daddr . meta l4proto . th dport counter }';
  return [
    `add table ${TABLE}`,
    `add set ${TABLE} seen { type ether_addr . ether_addr . inet_proto . inet_service; flags dynamic,timeout; timeout 1h; size ${MOST_SEEN}; }`,
    `add set ${TABLE} begun4 ${flow('ipv4_addr')}`,
    `add set ${TABLE} begun6 ${flow('ipv6_addr')}`,
    `add chain ${TABLE} forward { type filter hook forward priority -100; policy accept; }`,
    add('ether daddr & 01:00:00:00:00:00 != 00:00:00:00:00:00 accept'),
    add(`tcp flags & (syn | ack) == syn ${seen}`),
    ...udp('ip', 'begun4'),
    ...udp('ip6', 'begun6'),
    add(`meta l4proto { udp, sctp } ${seen}`),
  ];
}
