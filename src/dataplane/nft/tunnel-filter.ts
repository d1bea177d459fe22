/**
 * The nft table `inet xnet` of the host: VXLAN packets of our VNIs are taken from known VTEPs only and never
 * tracked. Other VNIs on the same port (Docker's swarm overlay) are not touched, nor is any other table.
 */
import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { limitTo } from '../../concurrency/limit.js';
import { XnetError } from '../../errors.js';
import { RulesetGeneration } from '../../native/netfilter/netfilter.js';
import { readInetTable } from '../../native/netfilter/nft-table.js';
import type { Repair, TunnelFilter } from '../dataplane.js';
import { ENCRYPTION_DEVICES } from '../encryption/encryption.js';
import { namespacePath } from '../interface-names.js';
import type { OwnWork } from '../iproute2/own-work.js';
import { applyNft, readNftTable } from './nft.js';

/** Of family inet. */
export const TUNNEL_FILTER_TABLE = 'xnet';
const TABLE = `inet ${TUNNEL_FILTER_TABLE}`;

/** What OwnWork calls the work on it. */
export const TUNNEL_FILTER = 'tunnel filter';

/**
 * The word of a VXLAN packet that has the VNI, after UDP's header (64 bits) and VXLAN's flags (32 bits). All 32 bits: the kernel
 * compares and looks up four bytes much faster than three (docs/decisions/0039).
 */
const VNI_WORD = '@th,96,32';

/**
 * Hosts of one cluster, and then some. A set that says how many elements it may have is looked up faster: the kernel makes a table of that
 * size for it, here 256 kB (nft_hash_buckets in nft_set_hash.c).
 */
const MOST_VTEPS = 16_384;

/** A script that sets up a firewall flushes once. */
const MOST_TRIES = 3;

/** What was set last, and what was read of the table then; no text: there was no table to be. */
interface Known {
  readonly lines: readonly string[];
  readonly text: string | undefined;
  /** At which the table was last seen to be as it was set. */
  generation: number | undefined;
}

/**
 * The host's nft table, and whether it is as it was set: what was read of it then is compared. It is written by nft, for which
 * the daemon does not wait, as it would for the kernel over netlink; it is looked at over netlink, as long as nobody changes
 * the host's ruleset by its generation alone.
 */
export class GuardedFilter implements Disposable {
  readonly #limit = limitTo(1);
  readonly #path: string | undefined;
  #ruleset: RulesetGeneration | undefined;
  #known: Known | undefined;

  constructor(
    private readonly hostNamespace: string | undefined,
    private readonly port: number,
    private readonly ownWork: OwnWork,
  ) {
    this.#path = hostNamespace === undefined ? undefined : namespacePath(hostNamespace);
  }

  /** As Dataplane.setTunnelFilter. Throws INVALID, KERNEL, UNSUPPORTED, TIMEOUT. */
  async set(filter: TunnelFilter): Promise<readonly Repair[]> {
    const lines = tunnelFilterLines(filter, this.port);
    return this.#limit(async () => {
      const known = isDeepStrictEqual(lines, this.#known?.lines) ? this.#known : undefined;
      const repairs = known ? await this.#look(known) : [];
      if (!known || repairs.length > 0) await this.ownWork.run(TUNNEL_FILTER, () => this.#apply(lines));
      return repairs;
    });
  }

  [Symbol.dispose](): void {
    this.#ruleset?.[Symbol.dispose]();
    this.#ruleset = undefined;
  }

  async #look(known: Known): Promise<Repair[]> {
    const generation = this.#generation();
    if (generation !== undefined && generation === known.generation) return [];
    const repairs = diffTable(await this.#read(), known.text);
    // Read before the table: what came in between makes for another look.
    if (repairs.length === 0) known.generation = generation;
    return repairs;
  }

  async #apply(lines: readonly string[]): Promise<void> {
    this.#known = undefined;
    const isTable = lines.some((line) => line.startsWith('add rule'));
    for (let tries = 1; tries <= MOST_TRIES; tries++) {
      await applyNft(this.hostNamespace, lines);
      const text = await this.#read();
      // Otherwise others took it away before it was read, which must not pass for right.
      if (isTable !== (text !== undefined)) continue;
      this.#known = { lines, text, generation: undefined };
      return;
    }
    throw new XnetError(
      'KERNEL',
      `the nft table ${TABLE} is gone as soon as it is set: find the program that flushes this host's nftables`,
    );
  }

  #generation(): number | undefined {
    this.#ruleset ??= new RulesetGeneration(this.#path);
    return this.#ruleset.read();
  }

  /** By nft where the kernel refuses: its words are in the error. */
  async #read(): Promise<string | undefined> {
    try {
      return readInetTable(this.#path, TUNNEL_FILTER_TABLE);
    } catch {
      return readNftTable(this.hostNamespace, TABLE);
    }
  }
}

/** Of what is read of the table, which is one object; undefined: there is none. Pure. */
export function diffTable(observed: string | undefined, desired: string | undefined): Repair[] {
  if (observed === desired) return [];
  const was = observed === undefined ? 'missing' : desired === undefined ? 'extra' : 'altered';
  return [{ kind: 'tunnel-filter', object: TABLE, was }];
}

/**
 * Lines for one `nft -f -`, right whether the table exists or not. The counters `forged` and `in_clear` (packets dropped)
 * go on counting over changes; with no VNI the table goes.
 */
export function tunnelFilterLines(filter: TunnelFilter, port: number): string[] {
  if (filter.vnis.length === 0) return [`add table ${TABLE}`, `delete table ${TABLE}`];
  const ours = `udp dport ${port} ${VNI_WORD} { ${filter.vnis.map(vniWord).join(', ')} }`;
  return [
    `add table ${TABLE}`,
    `add counter ${TABLE} forged`,
    `add counter ${TABLE} in_clear`,
    // So that they can be deleted below: those of an earlier xnet have no size.
    ...SETS.map(({ name, type }) => `add set ${TABLE} ${name} { type ${type}; }`),
    // Not "tunnel", which is a keyword of nft since 1.1.
    `add chain ${TABLE} from_peers`,
    // The first fragment of a packet, made so short that the VNI is in the next one: the kernel puts them together behind this hook,
    // but where connections are tracked.
    `add chain ${TABLE} unseen`,
    // Before connection tracking (priority -200), which "raw" (-300) can still prevent.
    `add chain ${TABLE} prerouting { type filter hook prerouting priority raw; policy accept; }`,
    `add chain ${TABLE} output { type filter hook output priority raw; policy accept; }`,
    `flush table ${TABLE}`,
    ...SETS.flatMap((set) => setLines(set, filter.vteps)),
    `add rule ${TABLE} from_peers ip saddr != @vteps4 counter name forged drop`,
    `add rule ${TABLE} from_peers ip6 saddr != @vteps6 counter name forged drop`,
    // A container on a bridge, with the address of another host: where reverse paths are not checked (rp_filter 0 or 2), it goes on.
    `add rule ${TABLE} from_peers meta iifkind "bridge" fib saddr . iif oif missing counter name forged drop`,
    `add rule ${TABLE} from_peers notrack`,
    ...inClearLines(filter.encrypted ?? [], port),
    `add rule ${TABLE} prerouting ${ours} goto from_peers`,
    `add rule ${TABLE} unseen ${VNI_WORD} >= 0 return`,
    ...unseenInClearLines(filter.encrypted ?? []),
    `add rule ${TABLE} unseen goto from_peers`,
    `add rule ${TABLE} prerouting udp dport ${port} goto unseen`,
    `add rule ${TABLE} output ${ours} notrack`,
  ];
}

/** Packets of encrypted networks that come or would go by another way than the encrypted one. */
function inClearLines(vnis: readonly number[], port: number): string[] {
  if (vnis.length === 0) return [];
  const encrypted = `${VNI_WORD} { ${vnis.map(vniWord).join(', ')} } counter name in_clear drop`;
  return [
    `add rule ${TABLE} prerouting iifname != ${ENCRYPTED_WAY} udp dport ${port} ${encrypted}`,
    `add rule ${TABLE} output oifname != ${ENCRYPTED_WAY} udp dport ${port} ${encrypted}`,
  ];
}

/** It may be of any VNI, and no host makes fragments so short. */
function unseenInClearLines(vnis: readonly number[]): string[] {
  if (vnis.length === 0) return [];
  return [`add rule ${TABLE} unseen iifname != ${ENCRYPTED_WAY} counter name in_clear drop`];
}

const ENCRYPTED_WAY = `{ ${ENCRYPTION_DEVICES.map((device) => `"${device}"`).join(', ')} }`;

const SETS = [
  { name: 'vteps4', type: 'ipv4_addr', family: 4 },
  { name: 'vteps6', type: 'ipv6_addr', family: 6 },
] as const;

function setLines({ name, type, family }: (typeof SETS)[number], vteps: readonly string[]): string[] {
  for (const vtep of vteps) {
    if (isIP(vtep) === 0 || vtep.includes('%'))
      throw new XnetError('INVALID', `the VTEP "${vtep}" is not a plain IP address`);
  }
  const members = vteps.filter((vtep) => isIP(vtep) === family);
  return [
    `delete set ${TABLE} ${name}`,
    `add set ${TABLE} ${name} { type ${type}; size ${MOST_VTEPS}; }`,
    ...(members.length > 0 ? [`add element ${TABLE} ${name} { ${members.join(', ')} }`] : []),
  ];
}

/**
 * The word with this VNI, as nft prints it: 24 bits of VNI, and 8 that are zero. A packet in which they are not is no VXLAN for the
 * kernel, which drops it (vxlan_rcv in vxlan_core.c). Throws INVALID.
 */
export function vniWord(vni: number): number {
  if (Number.isInteger(vni) && vni > 0 && vni < 2 ** 24) return vni * 2 ** 8;
  throw new XnetError('INVALID', `${vni} is not a VNI (1 to ${2 ** 24 - 1})`);
}
