/**
 * The addresses at which hosts reach each other in encrypted networks. A pure function of a host's id, so that no record has to name
 * them.
 */
import { createHash } from 'node:crypto';
import { IpAddress } from './ip-address.js';
import { Prefix } from './prefix.js';

/** Of all of them (RFC 4193): they are on WireGuard devices alone, and on no underlay. */
export const ENCRYPTION_SUBNET = 'fd78:6e65:7457::/48';

/** Which of a host's two WireGuard devices has a key: while keys are changed, the other one has the next. */
export type Slot = 0 | 1;

/** 79 bits of the hash of the id, and the slot. */
export function encryptedVtep(hostId: string, slot: Slot): string {
  const bytes = createHash('sha256').update(hostId).digest().subarray(0, 10);
  bytes[9] = ((bytes[9] ?? 0) & 0xfe) | slot;
  const groups = bytes.toString('hex').match(/.{4}/g) ?? [];
  return `${IpAddress.parse(ENCRYPTION_SUBNET.replace('::/48', `:${groups.join(':')}`))}`;
}

export function isEncryptedVtep(address: string): boolean {
  return Prefix.parse(ENCRYPTION_SUBNET).contains(IpAddress.parse(address));
}
