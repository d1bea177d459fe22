/**
 * An address of a pool: who has it, and what may become of it. No record: it is free.
 *
 * An address of an endpoint is claimed (Docker was given it), then bound (CreateEndpoint took it), then rests, and then is
 * free; a host holds some in reserve. Of these it may give one to Docker: then the record is reserved until it is bound. A gateway or auxiliary is shared by all that named it.
 * The cluster, in place of a host, holds what swarm's managers give out. One that a device on the LAN of a network has is set aside: no
 * container gets it.
 */
import { z } from 'zod';
import { anyMac, id, isIpAddress } from './fields.js';
import { keyPart, parsePart, placed, version, versioned } from './record.js';

export const addressKeys = {
  address: (poolKey: string, address: string) => `addresses/${keyPart(poolKey)}/${keyPart(address)}`,
  addressesOf: (poolKey: string) => `addresses/${keyPart(poolKey)}/`,
  addresses: () => 'addresses/',
  /** A host requests the address with `addressKey`, which another host has in reserve. */
  addressRequest: (addressKey: string) => `address-wishes/${keyPart(addressKey)}`,
  addressRequests: () => 'address-wishes/',
} as const;

/** A device on the LAN of a network. */
const deviceFields = z.object({
  /** As it answers: that of a cluster of servers (Microsoft NLB) is a multicast one, which no interface has. */
  mac: anyMac,
  /** When it was first and last found to have the address, ISO 8601. `seen` is written at most once in DEVICE_SEEN_MS. */
  since: z.iso.datetime(),
  seen: z.iso.datetime(),
});
type Device = z.infer<typeof deviceFields>;

/** Of a record that is set aside. */
export interface DeviceOfAddress {
  readonly device: Device;
}

const addressFields = {
  version,
  state: z.enum(['claimed', 'resting']),
  hostId: id,
  hostName: z.string(),
  /** Unique for each claim: distinguishes a retried claim from another one. */
  claim: z.string(),
  /**
   * Ids of the holds on the pool that have the address: one for an endpoint (none when Docker's own IPAM chose it, or when
   * it rests); a gateway or auxiliary is shared by several.
   */
  references: z.array(id),
  purpose: z.enum(['endpoint', 'gateway', 'auxiliary']),
  /** Nobody has it yet: the host holds it for containers to come. */
  reserve: z.literal(true).optional(),
  /** The address was named by the caller, or comes from a reserve; the next automatic choice does not continue from it. */
  explicit: z.literal(true).optional(),
  /** Set once CreateEndpoint took the address. */
  endpointId: id.optional(),
  networkId: id.optional(),
  /** Container name where Docker sends it (29 and later). */
  container: z.string().optional(),
  /**
   * The address is set aside: this device has it, which is none of a network's. An xnet that knows nothing of devices sees an auxiliary
   * address, which it gives to no container either.
   */
  device: deviceFields.optional(),
};

export const addressRecord = placed(versioned(addressFields), (key) => parseAddressKey(key) !== undefined);
export type AddressRecord = z.infer<typeof addressRecord>;

/** What `keys.addressRequest` was made of; undefined for any other key. */
export function parseAddressRequestKey(key: string): string | undefined {
  const addressKey = parsePart(key.slice(addressKeys.addressRequests().length));
  return addressKey !== undefined && parseAddressKey(addressKey) ? addressKey : undefined;
}

/** What `keys.address` was made of, or undefined for any other key. */
export function parseAddressKey(key: string): { poolKey: string; address: string } | undefined {
  const match = /^addresses\/([^/]+)\/([^/]+)$/.exec(key);
  const [poolKey, address] = [parsePart(match?.[1] ?? ''), parsePart(match?.[2] ?? '')];
  return poolKey && address && isIpAddress(address) ? { poolKey, address } : undefined;
}

/** The state of an address that has a record. Any host may take one that rests. `foreign`: a device on the LAN has it. */
export type AddressState = 'claimed' | 'bound' | 'reserved' | 'resting' | 'shared' | 'foreign';

export function stateOf(record: AddressRecord): AddressState {
  if (record.state === 'resting') return 'resting';
  if (record.device && record.references.length === 0) return 'foreign';
  if (record.purpose !== 'endpoint') return 'shared';
  if (record.reserve) return 'reserved';
  return record.endpointId === undefined ? 'claimed' : 'bound';
}

/** A host, or the cluster, as records name it. */
export type Holder = Pick<AddressRecord, 'hostId' | 'hostName'>;

/** The holder of what swarm's managers give out. No host has this id: those are UUIDs. */
export const CLUSTER: Holder = { hostId: 'cluster', hostName: 'the cluster' };

/** The cluster has given the address out, to an endpoint or for one to come. */
export function isHeldByCluster(record: AddressRecord): boolean {
  return endpointHolder(record) === CLUSTER.hostId;
}

/** The host, or the cluster, that has the address for an endpoint; undefined: it rests, is shared, or is a device's. */
export function endpointHolder(record: AddressRecord): string | undefined {
  const state = stateOf(record);
  return state === 'resting' || state === 'shared' || state === 'foreign' ? undefined : record.hostId;
}

/** The host may take the address at once: it rests, or is in that host's own reserve. */
export function isTakeable(record: AddressRecord, hostId: string): boolean {
  const state = stateOf(record);
  return state === 'resting' || (state === 'reserved' && record.hostId === hostId);
}

function newRecord({ hostId, hostName }: Holder, claim: string) {
  return { version: 1 as const, state: 'claimed' as const, hostId, hostName, claim };
}

/** Free, resting or reserved -> claimed. */
export function claimed(
  holder: Holder,
  claim: string,
  holdId: string,
  more: Pick<AddressRecord, 'explicit' | 'container'> = {},
): AddressRecord {
  return { ...newRecord(holder, claim), references: [holdId], purpose: 'endpoint', ...more };
}

/** Free or resting -> reserved. */
export function reserved(holder: Holder, claim: string, holdIds: readonly string[]): AddressRecord {
  return { ...newRecord(holder, claim), references: [...holdIds], purpose: 'endpoint', reserve: true };
}

export interface EndpointOfAddress {
  readonly endpointId: string;
  readonly networkId: string;
}

/** An address that an endpoint has, or shall have. */
export interface AddressOfEndpoint extends EndpointOfAddress {
  readonly poolKey: string;
  readonly address: string;
  /** A commit with an earlier plan for the address has failed. */
  readonly isRepeated?: boolean;
}

/** Free or resting -> bound: Docker's own IPAM chose the address, so that no hold has it. */
export function boundUnclaimed(holder: Holder, claim: string, endpoint: EndpointOfAddress): AddressRecord {
  return { ...newRecord(holder, claim), references: [], purpose: 'endpoint', explicit: true, ...endpoint };
}

/** Claimed or reserved by the endpoint's host, or claimed by the cluster -> bound. undefined: somebody else has it. */
export function bound(
  record: AddressRecord,
  { hostId, hostName }: Holder,
  endpoint: EndpointOfAddress,
): AddressRecord | undefined {
  const state = stateOf(record);
  if (state === 'claimed' && isHeldByCluster(record)) return { ...record, ...endpoint, hostName };
  if ((state !== 'claimed' && state !== 'reserved') || record.hostId !== hostId) return undefined;
  const { reserve: _, ...rest } = record;
  return { ...rest, ...endpoint };
}

/** Bound -> claimed: the cluster holds it on. Undefined when the cluster does not hold it, or no endpoint has it. */
export function unbound(record: AddressRecord): AddressRecord | undefined {
  if (!isHeldByCluster(record) || record.references.length === 0 || stateOf(record) !== 'bound')
    return undefined;
  const { endpointId: _, networkId: __, ...rest } = record;
  return { ...rest, hostName: CLUSTER.hostName };
}

/** Claimed, bound or reserved -> resting. */
export function resting(record: AddressRecord): AddressRecord {
  const { version, hostId, hostName, claim, purpose, container } = record;
  const rest = { version, state: 'resting' as const, hostId, hostName, claim, references: [], purpose };
  return { ...rest, ...(container !== undefined && { container }) };
}

/** Free, resting or reserved -> foreign: the host has found that a device has the address. */
export function foreign(holder: Holder, claim: string, device: Device): AddressRecord {
  return { ...newRecord(holder, claim), references: [], purpose: 'auxiliary', device };
}

/** How often it is written that a device was seen again: of thousands of devices a write a second. */
const DEVICE_SEEN_MS = 3_600_000;
/** A device that has not answered for so long has gone for good; one that is switched off for a weekend or a holiday has not. */
const DEVICE_GONE_MS = 7 * 24 * DEVICE_SEEN_MS;

/**
 * What becomes of a foreign address that was asked for at `now`; `mac`: of who answered. Foreign -> foreign, or free. Undefined: the
 * record stays as it is.
 */
export function reviewed(
  record: AddressRecord & DeviceOfAddress,
  mac: string | undefined,
  now: Date,
): AddressRecord | 'free' | undefined {
  const { device } = record;
  const unseenMs = now.getTime() - Date.parse(device.seen);
  if (mac === undefined) return unseenMs > DEVICE_GONE_MS ? 'free' : undefined;
  const seen = now.toISOString();
  if (mac !== device.mac) return { ...record, device: { mac, since: seen, seen } };
  return unseenMs > DEVICE_SEEN_MS ? { ...record, device: { ...device, seen } } : undefined;
}

export function isForeign(record: AddressRecord | undefined): record is AddressRecord & DeviceOfAddress {
  return record !== undefined && stateOf(record) === 'foreign';
}

/** Free (also: takeable) -> shared; shared -> shared by one more. undefined: it is held otherwise. */
export function shared(
  record: AddressRecord | undefined,
  holder: Holder,
  claim: string,
  { purpose, holdId }: { readonly purpose: 'gateway' | 'auxiliary'; readonly holdId: string },
): AddressRecord | undefined {
  if (record) {
    if (record.purpose !== purpose) return undefined;
    if (record.references.includes(holdId)) return record;
    return { ...record, references: [...record.references, holdId] };
  }
  return { ...newRecord(holder, claim), purpose, references: [holdId] };
}

/** With the holds that are left: a shared one without any is free, a bound one stays its endpoint's. */
export function withoutHold(record: AddressRecord, holdId: string): AddressRecord {
  return { ...record, references: record.references.filter((other) => other !== holdId) };
}
