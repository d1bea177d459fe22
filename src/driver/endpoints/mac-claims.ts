/**
 * A MAC is in a network once. That of an endpoint follows from its address and needs no claim; one that a user gave
 * (--mac-address) is claimed by a key of its own, in the commit that makes the endpoint, and each endpoint's commit holds
 * only while nobody else has claimed its MAC. So the guarantee is that of addresses: no lock, no further round trip.
 *
 * Its limit: hosts with an xnet from before claim nothing. What they have is looked for among the network's endpoints, as
 * far as this host knows them.
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
import type { Condition, Store } from '../../store/store.js';
import { asRead } from '../../store/transact.js';
import type { AddressPlan } from '../collaborators.js';

export interface MacClaimsParts {
  readonly store: Store;
  /** The network's endpoints on all hosts, where this host follows it; they may be a moment old. */
  readonly endpointsOf: (networkId: string) => readonly EndpointRecord[] | undefined;
  /** For messages. */
  readonly hostName: (hostId: string) => string;
}

const NOTHING: AddressPlan = { conditions: [], writes: [] };

/** The MAC of an endpoint to which none was given. Without an address (Docker's null IPAM) it follows from its id. */
export function derivedMac({ networkId, id, addresses }: Omit<EndpointRecord, 'mac'>): string {
  const [address] = addresses;
  return address === undefined ? spareMac(id) : macFor(networkId, IpAddress.parse(address));
}

/** For an endpoint whose derived MAC was given to another one. No address leads to such a MAC. */
export function spareMac(endpointId: string): string {
  const digest = createHash('sha256').update(endpointId).digest('hex');
  return `06:${digest.slice(0, 10).match(/../g)?.join(':')}`;
}

export function isDerivedMac(endpoint: EndpointRecord): boolean {
  return endpoint.mac === derivedMac(endpoint);
}

/**
 * What an endpoint's commit must hold so that its MAC is its own. Nothing is read for a MAC that mostly is free;
 * when a commit with that plan has failed (`isRepeated`), its claim is. Throws IN_USE naming the holder (its `fields.mac` is the MAC), and the store's errors.
 */
export async function planMacClaim(
  parts: MacClaimsParts,
  network: NetworkRecord,
  endpoint: EndpointRecord,
  isRepeated: boolean,
): Promise<AddressPlan> {
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

/** What gives the endpoint's MAC back; nothing for one that it has not claimed. */
export async function planMacRelease(store: Store, endpoint: EndpointRecord): Promise<AddressPlan> {
  if (isDerivedMac(endpoint)) return NOTHING;
  const key = keys.mac(endpoint.networkId, endpoint.mac);
  const entry = await store.get(key);
  if (!entry || parseRecord(macRecord, entry).endpointId !== endpoint.id) return NOTHING;
  return { conditions: [asRead(key, entry)], writes: [{ remove: key }] };
}

/** A claim outlives its endpoint where an xnet from before has removed that: in the name of a lost host, say. */
async function requireStale(parts: MacClaimsParts, claim: MacRecord, mac: string): Promise<Condition[]> {
  const key = keys.endpoint(claim.networkId, claim.endpointId);
  const holder = await parts.store.get(key);
  if (!holder) return [{ key, is: 'absent' }];
  throw taken(mac, claim.hostName, claim.endpointId, findRecord(endpointRecord, holder));
}

/** Throws IN_USE for the MAC of an endpoint that claimed none: with an xnet from before, or since it is derived. */
async function refuseKnown(parts: MacClaimsParts, { id, networkId, mac }: EndpointRecord): Promise<void> {
  const known = parts.endpointsOf(networkId) ?? (await listEndpoints(parts.store, networkId));
  const holder = known.find((other) => other.mac === mac && other.id !== id);
  // It may have gone a moment ago: a container that starts again has another endpoint with the same MAC.
  if (!holder || !(await parts.store.get(keys.endpoint(networkId, holder.id)))) return;
  throw taken(mac, parts.hostName(holder.hostId), holder.id, holder);
}

/**
 * Nobody gets meanwhile the address to which this MAC belongs, where there is one: whoever gets it later finds the MAC
 * claimed.
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
