/**
 * Guarantee: no two endpoints of a network have one MAC. The MAC of an endpoint follows from its address and needs no
 * claim. One that a user gave (--mac-address) is claimed by a key of its own, in the commit that creates the endpoint.
 * Each endpoint's commit is conditional on nobody else having claimed its MAC. As with addresses there is no lock, and
 * no further round trip.
 *
 * Limit: hosts with an older xnet claim nothing. Their MACs are looked up among the network's endpoints, as far as this
 * host knows them.
 */
import { createHash } from 'node:crypto';
import { XnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { addressFor, macFor } from '../../inet/mac-address.js';
import { Prefix } from '../../inet/prefix.js';
import { addressRecord } from '../../model/address.js';
import { type EndpointRecord, endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import { type MacRecord, macRecord } from '../../model/mac.js';
import type { NetworkRecord } from '../../model/network.js';
import { findRecord, formatRecord, parseRecord } from '../../model/record.js';
import type { CommitPart, Condition, Store } from '../../store/store.js';
import { asRead } from '../../store/transact.js';

export interface MacClaimsParts {
  readonly store: Store;
  /** The network's endpoints on all hosts, where this host follows it; they may be a moment old. */
  readonly endpointsOf: (networkId: string) => readonly EndpointRecord[] | undefined;
  /** For messages. */
  readonly hostName: (hostId: string) => string;
}

const NOTHING: CommitPart = { conditions: [], writes: [] };

/** The MAC of an endpoint to which none was given. Without an address (Docker's null IPAM) it follows from its id. */
export function derivedMac({ networkId, id, addresses }: Omit<EndpointRecord, 'mac'>): string {
  const [address] = addresses;
  return address === undefined ? spareMac(id) : macFor(networkId, IpAddress.parse(address));
}

/** The MAC of an endpoint whose derived MAC a user gave to another one. It is derived from no address. */
export function spareMac(endpointId: string): string {
  const digest = createHash('sha256').update(endpointId).digest('hex');
  return `06:${digest.slice(0, 10).match(/../g)?.join(':')}`;
}

export function isDerivedMac(endpoint: EndpointRecord): boolean {
  return endpoint.mac === derivedMac(endpoint);
}

/**
 * The parts of an endpoint's commit that guarantee its MAC. The MAC is assumed free without a read; after a commit with
 * that plan has failed (`isRepeated`), its claim is read. Throws IN_USE naming the holder (its `fields.mac` is the
 * MAC), and the store's errors.
 */
export async function planMacClaim(
  parts: MacClaimsParts,
  network: NetworkRecord,
  endpoint: EndpointRecord,
  isRepeated: boolean,
): Promise<CommitPart> {
  const { store, hostName } = parts;
  const { id: endpointId, networkId, hostId, mac } = endpoint;
  const key = keys.mac(networkId, mac);
  const entry = isRepeated ? await store.get(key) : undefined;
  const claim = entry && parseRecord(macRecord, entry);
  if (claim?.endpointId === endpointId) return { conditions: [asRead(key, entry)], writes: [] };
  const stale = claim ? await requireStale(parts, claim, mac) : [];
  const conditions = [asRead(key, entry), ...stale];
  if (isDerivedMac(endpoint)) return { conditions, writes: entry ? [{ remove: key }] : [] };
  await refuseKnown(parts, endpoint);
  const record: MacRecord = { version: 1, networkId, endpointId, hostId, hostName: hostName(hostId) };
  return {
    conditions: [...conditions, ...(await requireUnderivable(parts, network, endpoint))],
    writes: [{ put: key, value: formatRecord(record) }],
  };
}

/** The parts of a commit that release the endpoint's MAC; empty for one that it has not claimed. */
export async function planMacRelease(store: Store, endpoint: EndpointRecord): Promise<CommitPart> {
  if (isDerivedMac(endpoint)) return NOTHING;
  const key = keys.mac(endpoint.networkId, endpoint.mac);
  const entry = await store.get(key);
  if (!entry || parseRecord(macRecord, entry).endpointId !== endpoint.id) return NOTHING;
  return { conditions: [asRead(key, entry)], writes: [{ remove: key }] };
}

/** A claim outlives its endpoint when an older xnet removed that, for instance with a lost host. */
async function requireStale(parts: MacClaimsParts, claim: MacRecord, mac: string): Promise<Condition[]> {
  const key = keys.endpoint(claim.networkId, claim.endpointId);
  const holder = await parts.store.get(key);
  if (!holder) return [{ key, is: 'absent' }];
  throw taken(mac, claim.hostName, claim.endpointId, findRecord(endpointRecord, holder));
}

/** Throws IN_USE when an endpoint without a claim has the MAC: an older xnet created it, or the MAC is derived. */
async function refuseKnown(parts: MacClaimsParts, { id, networkId, mac }: EndpointRecord): Promise<void> {
  const known = parts.endpointsOf(networkId) ?? (await listEndpoints(parts.store, networkId));
  const holder = known.find((other) => other.mac === mac && other.id !== id);
  // It may have gone a moment ago: a container that starts again has another endpoint with the same MAC.
  if (!holder || !(await parts.store.get(keys.endpoint(networkId, holder.id)))) return;
  throw taken(mac, parts.hostName(holder.hostId), holder.id, holder);
}

/**
 * The condition that nobody takes, in the meantime, the address from which this MAC is derived, if there is one. Who
 * takes it later finds the MAC claimed.
 */
async function requireUnderivable(
  { store, hostName }: MacClaimsParts,
  { pools }: NetworkRecord,
  { id, networkId, mac }: EndpointRecord,
): Promise<Condition[]> {
  const address = addressFor(networkId, mac);
  const pool = address && pools.find(({ subnet }) => Prefix.parse(subnet).contains(address));
  if (!pool) return [];
  const key = keys.address(pool.poolKey, `${address}`);
  const entry = await store.get(key);
  const endpointId = entry && findRecord(addressRecord, entry)?.endpointId;
  const holder =
    endpointId === undefined || endpointId === id
      ? undefined
      : await store.get(keys.endpoint(networkId, endpointId));
  const record = holder && findRecord(endpointRecord, holder);
  if (record?.mac === mac) throw taken(mac, hostName(record.hostId), record.id, record);
  return [asRead(key, entry)];
}

async function listEndpoints(store: Store, networkId: string): Promise<EndpointRecord[]> {
  const { entries } = await store.list(keys.endpointsOf(networkId));
  return entries.flatMap((entry) => findRecord(endpointRecord, entry) ?? []);
}

function taken(mac: string, hostName: string, endpointId: string, holder: EndpointRecord | undefined) {
  const container = holder?.names?.container;
  const who = container === undefined ? `endpoint ${endpointId.slice(0, 12)}` : `container ${container}`;
  return new XnetError(
    'IN_USE',
    `MAC address ${mac} is held by ${who} on host ${hostName}; choose another (--mac-address), or remove that container first`,
    { mac, endpointId },
  );
}
