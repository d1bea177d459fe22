/**
 * How many addresses of a pool a host holds in advance, and which. Pure.
 *
 * Policy: all hosts together hold at most a quarter of what no container has, in equal shares. So a share shrinks as
 * the pool fills, and is zero before the pool is full. All hosts compute it from the same records, without messages.
 */
import { endpointHolder, stateOf } from '../../model/address.js';
import type { AddressEntry } from '../address-entry.js';
import type { Hold } from '../hold.js';
import { chooseFree, chooseHighest } from '../pools/choose-address.js';
import type { KnownAddress } from '../pools/pool-view.js';
import { automaticSpan, isWithin, type Span } from '../pools/subnet-rules.js';

/** In a smaller pool no host holds any in advance: a container may need each of them. A /27 has 29, a /26 has 61. */
const SMALLEST_POOL = 32;

/** In a larger pool the reserve is taken from this many of its first addresses, so that those of a /64 stay readable. */
const WIDEST = 1n << 16n;

export interface PoolUse {
  /** Addresses that automatic choice may hand out. */
  readonly size: number;
  /** Of them, those that are held, other than in reserve. */
  readonly used: number;
  /** Hosts that hold any. */
  readonly hosts: number;
}

export function surveyPool(addresses: Iterable<KnownAddress>, span: Span): PoolUse {
  const hosts = new Set<string>();
  let used = 0;
  for (const { address, record } of addresses) {
    const state = record && stateOf(record);
    if (!isWithin(span, address) || state === 'resting') continue;
    if (record) hosts.add(record.hostId);
    if (state !== 'reserved') used += 1;
  }
  return { size: Number(span.last - span.first + 1n), used, hosts: hosts.size };
}

/** One host's share, `wanted` at most. */
export function reserveSize(wanted: number, { size, used, hosts }: PoolUse): number {
  if (size < SMALLEST_POOL) return 0;
  return Math.max(0, Math.min(wanted, Math.floor((size - used) / (4 * Math.max(1, hosts)))));
}

/** How many of a reserve are in stock. */
export function stockSize(reserve: number): number {
  return Math.floor(reserve / 2);
}

/**
 * How many addresses to add, and which to give back: the newest, because a container may have had them a moment ago. A
 * share below `wanted` changes with every container, so it is filled up only when less than half of it is there.
 */
export function planReserve<T>(
  wanted: number,
  share: number,
  oldestFirst: readonly T[],
): { missing: number; surplus: readonly T[] } {
  const has = oldestFirst.length;
  const isWorthwhile = share === wanted || 2 * has < share;
  return { missing: isWorthwhile ? Math.max(0, share - has) : 0, surplus: oldestFirst.slice(share) };
}

/**
 * The reserve of a pool whose addresses Docker's own IPAM hands out on this host. That IPAM takes the lowest address
 * that it believes free, so the reserve is the lowest free addresses above the lowest one that this host has. Where the
 * range of that IPAM begins is not known here.
 */
export function planLowest(
  share: number,
  { last }: Span,
  hostId: string,
  addresses: ReadonlyMap<bigint, KnownAddress>,
): { missing: bigint[]; surplus: ReadableAddress[] } {
  const isDockers = ({ record }: KnownAddress) =>
    record !== undefined && endpointHolder(record) === hostId && record.references.length === 0;
  const reserved = reservedBy(hostId, addresses.values()).filter(isDockers);
  const own = [...addresses.values()].filter(isDockers).map(({ address }) => address);
  const [lowest = last + 1n] = own.sort((one, other) => (one < other ? -1 : 1));
  const kept = new Set<bigint>();
  const missing: bigint[] = [];
  for (let address = lowest; address <= last && kept.size + missing.length < share; address++) {
    const known = addresses.get(address);
    if (!known) missing.push(address);
    else if (known.record && stateOf(known.record) === 'reserved' && isDockers(known)) kept.add(address);
  }
  return { missing, surplus: reserved.filter(({ address }) => !kept.has(address)) };
}

type ReadableAddress = KnownAddress & AddressEntry;

function isReadable(known: KnownAddress): known is ReadableAddress {
  return known.record !== undefined;
}

/** The addresses in the host's reserve, longest there first. */
export function reservedBy(hostId: string, addresses: Iterable<KnownAddress>): ReadableAddress[] {
  return [...addresses]
    .filter((known) => isReadable(known))
    .filter(({ record }) => stateOf(record) === 'reserved' && record.hostId === hostId)
    .sort((one, other) => one.revision - other.revision);
}

/** Up to `count` free addresses for the stock, in the order in which automatic choice comes to them after `after`. */
export function chooseInTurn(
  { subnet, range, highestFirst }: Hold,
  after: bigint | undefined,
  isTaken: (address: bigint) => boolean,
  count: number,
): bigint[] {
  const span = automaticSpan(subnet, range);
  const chosen: bigint[] = [];
  const isUnfree = (address: bigint) => isTaken(address) || chosen.includes(address);
  while (chosen.length < count) {
    const next = highestFirst
      ? chooseHighest(span, isUnfree)
      : chooseFree(span, isUnfree, chosen.at(-1) ?? after);
    if (next === undefined) break;
    chosen.push(next);
  }
  return chosen;
}

/**
 * Up to `count` free addresses for the rest of a reserve. They lie past the middle, since automatic choice begins at the ends, and
 * people choose addresses there. `random` (0 to 1) makes it unlikely that two hosts choose the same ones.
 */
export function chooseForReserve(
  span: Span,
  isTaken: (address: bigint) => boolean,
  count: number,
  random: number,
): bigint[] {
  const size = Math.min(Number(span.last - span.first + 1n), Number(WIDEST));
  const within = { first: span.first, last: span.first + BigInt(size) - 1n };
  const chosen: bigint[] = [];
  let after = within.first + BigInt(Math.floor(size / 2 + (random * size) / 4));
  while (chosen.length < count) {
    const next = chooseFree(within, (address) => isTaken(address) || chosen.includes(address), after);
    if (next === undefined) break;
    chosen.push(next);
    after = next;
  }
  return chosen;
}
