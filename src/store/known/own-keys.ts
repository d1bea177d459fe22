/** Which records are a host's own, so that nobody else writes them, and which it sees to that they last: pure. */

import { addressRecord, CLUSTER, stateOf } from '../../model/address.js';
import { endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import { macRecord } from '../../model/mac.js';
import { findRecord } from '../../model/record.js';

/** Tells whether this host alone may write `key`, by what the store has of it (undefined: nothing). */
export type IsOwn = (key: string, stored: string | undefined, written: string | undefined) => boolean;

export interface Ownership {
  readonly hostId: string;
  readonly isOwn: IsOwn;
  /** Tells whether others may have what was this host's alone, when `written` takes the place of `stored`. */
  readonly isGivenUp: (key: string, stored: string, written: string | undefined) => boolean;
  /** Of a record that tells of this host alone: it knows best whether the record is to be there, and how. */
  readonly isMine: (key: string, value: string) => boolean;
  /** Of a record that says the same whoever writes it. */
  readonly isCommon: (key: string) => boolean;
}

/** What everybody sees to. */
const COMMON = [
  ...[keys.networks(), keys.vnis(), keys.names(), keys.bindingGuards()],
  ...[keys.pools(), keys.poolGuard(), keys.poolReferenceGuards()],
];
/** What a host may claim that nobody has. */
const CLAIMED = [keys.addresses(), keys.macs()];
/** What a host has under keys that name it. */
const BY_HOST = [keys.bindings(), keys.poolReferences()];

/** Records of these are watched for their own sake: only what is known is put back to a store that has lost it. */
export const WATCHED_TO_LAST = [
  ...[keys.vnis(), keys.names(), keys.bindingGuards(), keys.vteps()],
  ...[keys.pools(), keys.poolReferences(), keys.poolGuard(), keys.poolReferenceGuards(), keys.macs()],
];

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
    return record?.hostId === hostId && stateOf(record) !== 'resting';
  };
  const isGivenUp = (key: string, stored: string, written: string | undefined) =>
    isUnder(key, CLAIMED) && isOwn(key, stored, written) && !isOwn(key, written, undefined);
  const isMine = (key: string, value: string) => hostOf(key, value) === hostId;
  const isCommon = (key: string) => isUnder(key, COMMON) || hostOf(key, '') === CLUSTER.hostId;
  return { hostId, isOwn, isGivenUp, isMine, isCommon };
}

/** Of a record under a key that no other record has ever after: once removed it is so for good. */
export function isKeyUsedOnce(key: string): boolean {
  return isUnder(key, [...BY_HOST, keys.endpoints()]);
}

/** The host that a record tells of, and of no other; not of a record that is there for a time only. */
export function hostOf(key: string, value: string): string | undefined {
  if (key.startsWith(keys.endpoints())) return findRecord(endpointRecord, { key, value })?.hostId;
  if (key.startsWith(keys.macs())) return findRecord(macRecord, { key, value })?.hostId;
  if (key.startsWith(keys.vteps())) return value;
  const [, first, second] = key.split('/').map(decodeURIComponent);
  if (key.startsWith(keys.hosts())) return first;
  if (isUnder(key, BY_HOST)) return second;
  const record = key.startsWith(keys.addresses()) ? findRecord(addressRecord, { key, value }) : undefined;
  return record && stateOf(record) !== 'resting' ? record.hostId : undefined;
}

function isUnder(key: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => key.startsWith(prefix));
}

function isEndpointOf(hostId: string, key: string, value: string): boolean {
  return findRecord(endpointRecord, { key, value })?.hostId === hostId;
}
