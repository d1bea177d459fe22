/** A subnet from which addresses are given, and the holds of hosts on it, which the store's keys and records call references. */
import { z } from 'zod';
import { keyPart, version, versioned } from './record.js';

export const poolKeys = {
  /** Written with each pool that comes or goes, removed with the last: nobody chooses a subnet by an old list. */
  poolGuard: () => 'pool-guard',
  pool: (poolKey: string) => `pools/${keyPart(poolKey)}`,
  pools: () => 'pools/',
  /** Written with each new hold, so that the remover of a pool sees that one came in between. */
  poolReferenceGuard: (poolKey: string) => `pool-reference-guards/${keyPart(poolKey)}`,
  poolReferenceGuards: () => 'pool-reference-guards/',
  poolReference: (poolKey: string, hostId: string, reference: string) =>
    `pool-references/${keyPart(poolKey)}/${keyPart(hostId)}/${keyPart(reference)}`,
  poolReferencesOf: (poolKey: string) => `pool-references/${keyPart(poolKey)}/`,
  poolReferences: () => 'pool-references/',
} as const;

export const poolRecord = versioned({
  version,
  /** Address space: xnet-local or xnet-global. */
  space: z.string(),
  /** Set when the pool belongs to one named network; such pools may overlap with others. */
  networkName: z.string().optional(),
  subnet: z.string(),
});
export type PoolRecord = z.infer<typeof poolRecord>;

export const poolReferenceRecord = versioned({
  version,
  poolKey: z.string(),
  hostId: z.string(),
  hostName: z.string(),
  /** Part of the PoolID given to Docker. Unique for each RequestPool; all requests for the cluster's hold have the same. */
  reference: z.string(),
  /** Of the cluster's hold: the request that made it. */
  request: z.string().optional(),
});

/** What `keys.pool` was made of. Throws URIError for a key that is no such. */
export function parsePoolRecordKey(key: string): string {
  return decodeURIComponent(key.slice(poolKeys.pools().length));
}

/** A hold of this host on a pool, in plain texts. */
export interface PoolHold {
  /** Without the range of addresses that Docker's own has: the hold is the same. */
  readonly poolId: string;
  /** Its id: the part of the PoolID that is unique for each RequestPool. */
  readonly hold: string;
  readonly poolKey: string;
  readonly addressSpace: string;
  readonly subnet: string;
  /** Set when the pool belongs to one network alone: its name, or its id. */
  readonly networkName?: string;
}
