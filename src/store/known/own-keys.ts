/** Which records are a host's own, so that no other host writes them; and which are put back after a restore. Pure. */

import { addressRecord, CLUSTER, isForeign, stateOf } from '../../model/address.js';
import { endpointRecord } from '../../model/endpoint.js';
import { isUnder, keys } from '../../model/keys.js';
import { macRecord } from '../../model/mac.js';
import { findRecord, parsePart } from '../../model/record.js';

/** Whether only this host may write `key`. `stored`: what the store has under it; undefined: nothing. */
export type IsOwn = (key: string, stored: string | undefined, written: string | undefined) => boolean;

export type Ownership = ReturnType<typeof ownershipOf>;

/** Records that every host puts back. */
const COMMON = [
  ...[keys.networks(), keys.vnis(), keys.names(), keys.bindingGuards(), keys.policies()],
  ...[keys.pools(), keys.poolGuard(), keys.poolReferenceGuards()],
];
/** Records by which a host claims what no other host has. */
const CLAIMED = [keys.addresses(), keys.macs()];
/** Records of a host, under keys that have its id as second part. */
const BY_HOST = [keys.bindings(), keys.poolReferences()];

/**
 * Prefixes that a host always watches: only what is known can be put back after a restore. Its bindings and holds are put
 * back by their twins; of those of other hosts it knows nothing.
 */
export function alwaysWatched(hostId: string): string[] {
  return [
    ...[keys.vnis(), keys.names(), keys.bindingGuards(), keys.vteps(), keys.ofHost(hostId)],
    ...[keys.pools(), keys.globalPoolReferences(), keys.poolGuard(), keys.poolReferenceGuards(), keys.macs()],
  ];
}

/**
 * A host's own records are its endpoints, the addresses and MACs that it has claimed, and all twins. Not a resting address:
 * its rest ends by itself, and then any host may claim it. Not one that is set aside for a device, nor a free one.
 */
export function ownershipOf(hostId: string) {
  /** Whether the record describes this host alone. After a restore it is put back, or removed, as this host knows it. */
  const isAboutThisHost = (key: string, value: string | undefined) =>
    value !== undefined && hostOf(key, value) === hostId;
  const isOwn: IsOwn = (key, stored, written) => {
    if (key.startsWith(keys.byHost())) return key.startsWith(keys.ofHost(hostId));
    if (!key.startsWith(keys.endpoints())) return isUnder(key, CLAIMED) && isAboutThisHost(key, stored);
    return [stored, written].every((value) => value === undefined || isAboutThisHost(key, value));
  };
  return {
    ...{ hostId, isOwn, isAboutThisHost },
    /** As `isOwn`, at the replay of own writes: bindings and holds of this host are among these after a restore. */
    isReplaced: (key: string, stored: string | undefined, written: string | undefined) =>
      isOwn(key, stored, written) || (isUnder(key, BY_HOST) && isAboutThisHost(key, stored)),
    /** Whether other hosts may claim what was this host's own, once `written` has replaced `stored`. */
    isGivenUp: (key: string, stored: string, written: string | undefined) =>
      isUnder(key, CLAIMED) && isOwn(key, stored, written) && !isOwn(key, written, undefined),
    /** Whether the record is the same whichever host writes it. After a restore, every host puts it back. */
    isCommon: (key: string) => isUnder(key, COMMON) || hostOf(key, '') === CLUSTER.hostId,
  };
}

/** Whether the key is never used again once its record is removed. */
export function isKeyUsedOnce(key: string): boolean {
  return isUnder(key, [...BY_HOST, keys.endpoints(), keys.byHost()]);
}

/** The only host that a record describes; undefined for any other record, and for one that is temporary. */
export function hostOf(key: string, value: string): string | undefined {
  if (key.startsWith(keys.endpoints())) return findRecord(endpointRecord, { key, value })?.hostId;
  if (key.startsWith(keys.macs())) return findRecord(macRecord, { key, value })?.hostId;
  if (key.startsWith(keys.vteps())) return value;
  const [, first, second] = key.split('/').map(parsePart);
  if (isUnder(key, [keys.hosts(), keys.byHost()])) return first;
  if (isUnder(key, BY_HOST)) return second;
  const record = key.startsWith(keys.addresses()) ? findRecord(addressRecord, { key, value }) : undefined;
  // Any host may take an address that rests, or whose device has gone, and writes when a device was seen.
  const isAnybodys = record === undefined || stateOf(record) === 'resting' || isForeign(record);
  return isAnybodys ? undefined : record.hostId;
}
