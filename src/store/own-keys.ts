/** Which records are a host's own, so that nobody else writes them, and which it sees to that they last: pure. */
import { keys } from './keys.js';
import { addressRecord, endpointRecord, findRecord, macRecord } from './records.js';

/** Tells whether this host alone may write `key`, by what the store has of it (undefined: nothing). */
export type IsOwn = (key: string, stored: string | undefined, written: string | undefined) => boolean;

export interface Ownership {
  readonly isOwn: IsOwn;
  /** Tells whether others may have what was this host's alone, when `written` takes the place of `stored`. */
  readonly isGivenUp: (key: string, stored: string, written: string | undefined) => boolean;
  /** Tells whether this host puts a record back that the store has lost, having been restored from an older backup. */
  readonly isLasting: (key: string, value: string) => boolean;
}

/** What everybody puts back: records that say the same whoever writes them. */
const COMMON = [keys.networks(), keys.vnis(), keys.names(), keys.pools()];
/** What a host may claim that nobody has. */
const CLAIMED = [keys.addresses(), keys.macs()];
/** What a host puts back of its own: under keys that name it. */
const BY_HOST = [keys.bindings(), keys.poolReferences()];
/** Names the cluster as the holder of a pool (ipam/cluster-hold.ts), in the place of a host. */
const CLUSTER = 'cluster';

/**
 * A host's own are its endpoints, and the addresses and MACs that it has claimed. Not an address that rests: its rest ends
 * by itself, and then anybody may claim it. Not one that is free.
 */
export function ownershipOf(hostId: string): Ownership {
  const isOwn: IsOwn = (key, stored, written) => {
    if (key.startsWith(keys.endpoints())) {
      return [stored, written].every((value) => value === undefined || isEndpointOf(hostId, key, value));
    }
    if (key.startsWith(keys.macs())) {
      return stored !== undefined && findRecord(macRecord, { key, value: stored })?.hostId === hostId;
    }
    if (!key.startsWith(keys.addresses()) || stored === undefined) return false;
    const record = findRecord(addressRecord, { key, value: stored });
    return record?.hostId === hostId && record.state === 'claimed';
  };
  const isUnder = (key: string, prefixes: readonly string[]) =>
    prefixes.some((prefix) => key.startsWith(prefix));
  const isLasting = (key: string, value: string) =>
    isOwn(key, value, value) ||
    isUnder(key, COMMON) ||
    (isUnder(key, BY_HOST) && [hostId, CLUSTER].some((holder) => key.split('/').includes(holder)));
  const isGivenUp = (key: string, stored: string, written: string | undefined) =>
    isUnder(key, CLAIMED) && isOwn(key, stored, written) && !isOwn(key, written, undefined);
  return { isOwn, isGivenUp, isLasting };
}

function isEndpointOf(hostId: string, key: string, value: string): boolean {
  return findRecord(endpointRecord, { key, value })?.hostId === hostId;
}
