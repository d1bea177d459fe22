/** An address of a pool: who has it, and what may become of it. */
import { z } from 'zod';
import { keyPart, version, versioned } from './record.js';

export const addressKeys = {
  address: (poolKey: string, address: string) => `addresses/${keyPart(poolKey)}/${keyPart(address)}`,
  addressesOf: (poolKey: string) => `addresses/${keyPart(poolKey)}/`,
  addresses: () => 'addresses/',
  /** Asks whoever has the address with `addressKey` in reserve to give it up. */
  addressWish: (addressKey: string) => `address-wishes/${keyPart(addressKey)}`,
  addressWishes: () => 'address-wishes/',
} as const;

export const addressRecord = versioned({
  version,
  state: z.enum(['claimed', 'resting']),
  hostId: z.string(),
  hostName: z.string(),
  /** Unlike for each claim: tells a retried claim from somebody else's. */
  claim: z.string(),
  /**
   * Pool references that hold the address: one for an endpoint (none when Docker's own IPAM chose it, or when
   * it rests); a gateway or auxiliary is shared by several.
   */
  references: z.array(z.string()),
  purpose: z.enum(['endpoint', 'gateway', 'auxiliary']),
  /** Nobody has it yet: the host holds it for containers to come. */
  reserve: z.literal(true).optional(),
  /** The address was named by the caller, or comes from a reserve; the next automatic choice does not go on from it. */
  explicit: z.literal(true).optional(),
  /** Set once CreateEndpoint took the address. */
  endpointId: z.string().optional(),
  networkId: z.string().optional(),
  /** Container name where Docker tells it (29 and later). */
  container: z.string().optional(),
});
export type AddressRecord = z.infer<typeof addressRecord>;

/** What `keys.addressWish` was made of. Throws URIError for a key that is no such. */
export function parseAddressWishKey(key: string): string {
  return decodeURIComponent(key.slice(addressKeys.addressWishes().length));
}

/** What `keys.address` was made of, or undefined for any other key. */
export function parseAddressKey(key: string): { poolKey: string; address: string } | undefined {
  const match = /^addresses\/([^/]+)\/([^/]+)$/.exec(key);
  if (!match?.[1] || !match[2]) return undefined;
  return { poolKey: decodeURIComponent(match[1]), address: decodeURIComponent(match[2]) };
}
