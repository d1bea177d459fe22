/** Which records are a host's own, so that nobody else writes them: pure. */
import { keys } from './keys.js';
import { addressRecord, endpointRecord, findRecord } from './records.js';

/** Tells whether this host alone may write `key`, by what the store has of it (undefined: nothing). */
export type IsOwn = (key: string, stored: string | undefined, written: string | undefined) => boolean;

/**
 * A host's own are its endpoints and the addresses that it has claimed. Not an address that rests: its rest ends
 * by itself, and then anybody may claim it. Not one that is free.
 */
export function ownKeysOf(hostId: string): IsOwn {
  return (key, stored, written) => {
    if (key.startsWith(keys.endpoints())) {
      return [stored, written].every((value) => value === undefined || isEndpointOf(hostId, key, value));
    }
    if (!key.startsWith(keys.addresses()) || stored === undefined) return false;
    const record = findRecord(addressRecord, { key, value: stored });
    return record?.hostId === hostId && record.state === 'claimed';
  };
}

function isEndpointOf(hostId: string, key: string, value: string): boolean {
  return findRecord(endpointRecord, { key, value })?.hostId === hostId;
}
