/** Which address an endpoint gets, by what this host knows of the pool. A choice is noted as in flight. */
import { sleep } from '../../concurrency/deadline.js';
import { XnetError } from '../../errors.js';
import { isForeign, stateOf } from '../../model/address.js';
import { showPool } from '../../model/pool.js';
import type { Store } from '../../store/store.js';
import type { Hold } from '../hold.js';
import { awayError } from '../outage.js';
import { chooseFree, chooseHighest, chooseResting } from '../pools/choose-address.js';
import type { PoolView } from '../pools/pool-view.js';
import { automaticSpan, isWithin, type Span } from '../pools/subnet-rules.js';
import { chooseInTurn, reservedBy } from '../reserve/reserve-plan.js';
import type { Pick } from './claim.js';

/**
 * How long to wait for an address when only other hosts' reserves have any left. Each host gives back its surplus every
 * second.
 */
const RETURN_MS = 3_000;
const RETURN_LOOK_MS = 50;

/** How long a start looks for an address that no device on the LAN has. What is set aside by then, the next one passes over. */
export const SEARCH_MS = 5_000;

/** Chooses the address that has been in this host's reserve longest. Throws STORE_UNAVAILABLE when the reserve is empty. */
export function chooseAway(store: Store, view: PoolView, hold: Hold, hostId: string): Pick {
  const pick = noteInFlight(view, findReserved(view, hold, hostId));
  if (pick) return pick;
  const what = `this host has no address of pool ${showPool(hold)} left in reserve, and can claim none`;
  throw awayError(store, what);
}

/**
 * In this order: a free address, the longest-resting, one of this host's reserve, one that another host gives back from
 * its reserve. Throws EXHAUSTED only after the pool was read from the store.
 */
export async function chooseNext(
  view: PoolView,
  hold: Hold,
  hostId: string,
  refusals: number,
): Promise<Pick> {
  if (refusals > 0) view.noteRefusal();
  // What this host knows may be old: its watch may have lost the store.
  if (refusals % 4 === 3) await view.refresh();
  const span = automaticSpan(hold.subnet, hold.range);
  const choose = () => noteInFlight(view, findPick(view, hold, span) ?? findReserved(view, hold, hostId));
  const pick = choose();
  if (pick) return pick;
  await view.refresh();
  for (const until = performance.now() + RETURN_MS; ; await sleep(RETURN_LOOK_MS)) {
    const later = choose();
    if (later) return later;
    if (!isAnyReserved(view, span) || performance.now() >= until) throw exhausted(view, hold, span);
  }
}

/** Without an await before it, so that no other request of this process chooses the same address. */
function noteInFlight(view: PoolView, pick: Pick | undefined): Pick | undefined {
  if (pick) view.inFlight.add(pick.address);
  return pick;
}

/** Asked for together, so that a LAN full of devices costs few questions. */
const NEXT = 15;

/** What `chooseNext` comes to next, as things are. */
export function nextInTurn(view: PoolView, hold: Hold): bigint[] {
  return chooseInTurn(hold, view.lastHandedOut, (address) => !view.isFree(address), NEXT);
}

export function findReserved(
  { addresses, inFlight, devices, stock }: PoolView,
  { subnet, range }: Hold,
  hostId: string,
): Pick | undefined {
  const span = automaticSpan(subnet, range);
  const reserved = reservedBy(hostId, addresses.values());
  const isUnused = (address: bigint) =>
    !inFlight.has(address) && !devices.has(address) && !stock.handedOut(address);
  const pick = reserved.find(({ address }) => isWithin(span, address) && isUnused(address));
  return pick && { address: pick.address, over: pick.revision, fromReserve: true };
}

function isAnyReserved({ addresses }: PoolView, span: Span): boolean {
  return [...addresses.values()].some(
    ({ address, record }) => record && stateOf(record) === 'reserved' && isWithin(span, address),
  );
}

function findPick(view: PoolView, { highestFirst }: Hold, span: Span): Pick | undefined {
  const { addresses, inFlight, devices, spread } = view;
  const skip = spread === 0 ? 0 : Math.floor(Math.random() * (spread + 1));
  const isTaken = (address: bigint) => !view.isFree(address);
  const free = highestFirst
    ? chooseHighest(span, isTaken, skip)
    : chooseFree(span, isTaken, view.lastHandedOut, skip);
  if (free !== undefined) return { address: free };
  const resting = [...addresses.values()].filter(
    ({ address, record }) =>
      record && stateOf(record) === 'resting' && !inFlight.has(address) && !devices.has(address),
  );
  const longest = chooseResting(span, resting, skip);
  return longest && { address: longest.address, over: longest.revision };
}

function exhausted({ addresses }: PoolView, hold: Hold, span: Span): XnetError {
  const used = [...addresses.values()].filter(({ address }) => isWithin(span, address));
  const inUse = used.length;
  const foreign = used.filter(({ record }) => isForeign(record)).length;
  const range = hold.range ? `range ${hold.range} of pool ${showPool(hold)}` : `pool ${showPool(hold)}`;
  const remedy = hold.range ? 'a wider --ip-range' : 'a larger --subnet';
  return new XnetError(
    'EXHAUSTED',
    `no address is free in ${range}: all ${inUse} that xnet may hand out are in use${foreign > 0 ? `, ${foreign} of them by devices on the LAN` : ''}; ` +
      `remove containers, or make the network again with ${remedy}`,
    { inUse },
  );
}

/** The error after SEARCH_MS. */
export function allUsed(hold: Hold): XnetError {
  return new XnetError(
    'EXHAUSTED',
    `devices on the LAN answer for all addresses that were tried in pool ${showPool(hold)} for ${SEARCH_MS / 1000} s; ` +
      'start the container again, which tries the next ones, or make the network again with an --ip-range that no device uses',
  );
}
