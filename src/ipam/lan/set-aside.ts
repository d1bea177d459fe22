/** The commits by which an address is set aside for the device that has it, and freed when that has gone. */
import { isXnetError } from '../../errors.js';
import {
  type AddressRecord,
  type DeviceOfAddress,
  foreign,
  isForeign,
  isTakeable,
  reviewed,
  stateOf,
} from '../../model/address.js';
import { keys } from '../../model/keys.js';
import { parsePoolKey } from '../../model/pool.js';
import type { Condition } from '../../store/store.js';
import { addressKey, putAddress } from '../address-entry.js';
import { randomToken } from '../hold.js';
import type { IpamContext } from '../ipam-context.js';
import { usesReserve } from '../outage.js';
import type { PoolView } from '../pools/pool-view.js';
import type { Device } from './asked-addresses.js';

/** In a pool. A LAN has no more devices; who answers for more is hostile, and the store has room for other things. */
const MOST_SET_ASIDE = 4_096;

/**
 * Sets an address aside that is free, or is in this host's reserve. While the store does not take it, this host alone knows
 * (`PoolView.devices`); nor is one recorded that rests: who answers may be the container that had it. Never rejects for the store's
 * sake.
 */
export async function setAside(
  { store, host }: IpamContext,
  view: PoolView,
  address: bigint,
  { mac }: Device,
): Promise<void> {
  const known = view.addresses.get(address);
  if (known && !(known.record && isTakeable(known.record, host.hostId))) return;
  if (view.devices.size < MOST_SET_ASIDE) view.devices.add(address);
  const isResting = known?.record && stateOf(known.record) === 'resting';
  // A commit would wait for a store that is away.
  if (usesReserve(store) || isResting || isFull(view)) return;
  const key = addressKey(parsePoolKey(view.poolKey), address);
  const now = new Date().toISOString();
  const conditions: Condition[] = [
    // Nothing is left of a pool that is gone.
    { key: keys.pool(view.poolKey), is: 'present' },
    known ? { key, is: 'at', revision: known.revision } : { key, is: 'absent' },
  ];
  const record = foreign(host, randomToken(), { mac, since: now, seen: now });
  await unlessUnanswered(store.commit(conditions, [putAddress(key, record)]));
  // By this commit, or by another host's, for which it was refused.
  if (isForeign(view.addresses.get(address)?.record)) view.devices.delete(address);
}

function isFull({ addresses }: PoolView): boolean {
  return [...addresses.values()].filter(({ record }) => isForeign(record)).length >= MOST_SET_ASIDE;
}

/** What becomes of an address that is set aside, after it was asked for. Never rejects for the store's sake: it is asked for again. */
export async function review(
  { store }: IpamContext,
  { key, revision, record }: { key: string; revision: number; record: AddressRecord & DeviceOfAddress },
  device: Device | undefined,
): Promise<void> {
  const after = reviewed(record, device?.mac, new Date());
  // A commit would wait for a store that is away.
  if (after === undefined || usesReserve(store)) return;
  const write = after === 'free' ? { remove: key } : putAddress(key, after);
  await unlessUnanswered(store.commit([{ key, is: 'at', revision }], [write]));
}

async function unlessUnanswered(commit: Promise<unknown>): Promise<void> {
  await commit.catch((error: unknown) => {
    if (!isXnetError(error)) throw error;
  });
}
