import { addressRecord, isForeign, parseAddressKey } from '../model/address.js';
import { keys } from '../model/keys.js';
import type { NetworkRecord } from '../model/network.js';
import { findRecord } from '../model/record.js';
import type { Reader } from './cluster.js';
import type { NetworkStatus } from './status-answer.js';

/** The addresses of a network that devices on its LAN have. Throws the store's errors. */
export async function readSetAside(
  store: Reader,
  { pools }: Pick<NetworkRecord, 'pools'>,
): Promise<NonNullable<NetworkStatus['setAside']>> {
  const lists = await Promise.all(
    pools.map(({ poolKey }) => store.list(keys.addressesOf(poolKey), { once: true })),
  );
  return lists
    .flatMap(({ entries }) => entries)
    .flatMap((entry) => {
      const record = findRecord(addressRecord, entry);
      const { address } = parseAddressKey(entry.key) ?? {};
      return address !== undefined && isForeign(record) ? [{ address, ...record.device }] : [];
    });
}
