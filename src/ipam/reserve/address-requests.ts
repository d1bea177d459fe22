/**
 * A user may name an address that another host has in reserve. This host then requests it: it writes a key under a
 * short lease. All hosts watch these keys, and the one that has the address in reserve frees it.
 */
import { sleep } from '../../concurrency/deadline.js';
import { parseAddressRequestKey, stateOf } from '../../model/address.js';
import { keys } from '../../model/keys.js';
import type { Entry, Store, WatchBatch } from '../../store/store.js';
import { type AddressEntry, readAddress } from '../address-entry.js';
import type { IpamContext } from '../ipam-context.js';

/** A host that is alive frees a requested address within some tens of ms; one that is down never does. */
const PATIENCE_MS = 1_500;
const LOOK_MS = 30;
const LEASE_SECONDS = 10;

/**
 * Reads an address. When another host has it in reserve, requests it, and waits until that host has freed it, at most
 * PATIENCE_MS. Throws as readAddress.
 */
export async function readOrRequest(
  { store, host: { hostId } }: IpamContext,
  key: string,
): Promise<AddressEntry | undefined> {
  const found = await readAddress(store, key);
  if (!isOthersReserve(found, hostId) || store.away) return found;
  const lease = await store.grantLease({ ttlSeconds: LEASE_SECONDS, keepAlive: false });
  try {
    await store.commit([], [{ put: keys.addressRequest(key), value: hostId, lease }]);
    for (const until = performance.now() + PATIENCE_MS; ; ) {
      await sleep(LOOK_MS);
      const later = await readAddress(store, key);
      if (!isOthersReserve(later, hostId) || performance.now() > until) return later;
    }
  } finally {
    // The lease also expires by itself.
    await lease.revoke().catch(() => undefined);
  }
}

function isOthersReserve(found: AddressEntry | undefined, hostId: string): boolean {
  return found !== undefined && stateOf(found.record) === 'reserved' && found.record.hostId !== hostId;
}

/** Calls `onRequest` with the key of each requested address, until `signal` aborts. */
export async function followRequests(
  store: Store,
  onRequest: (addressKey: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for await (const batch of store.watch(keys.addressRequests(), signal)) {
    for (const { key } of putIn(batch)) {
      const requested = parseAddressRequestKey(key);
      if (requested !== undefined) onRequest(requested);
    }
  }
}

function putIn(batch: WatchBatch): readonly Entry[] {
  if (batch.type === 'snapshot') return batch.snapshot.entries;
  return batch.changes.flatMap((change) => change.entry ?? []);
}
