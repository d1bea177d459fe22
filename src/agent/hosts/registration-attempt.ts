import { isXnetError, XnetError } from '../../errors.js';
import { type HostRecord, hostRecord } from '../../model/host.js';
import { keys } from '../../model/keys.js';
import { findRecord, formatRecord, parseRecord } from '../../model/record.js';
import type { Entry, Lease, Store } from '../../store/store.js';
import { type Attempt, asRead } from '../../store/transact.js';
import { listHostRecords } from '../local/host-records.js';
import { HOST_OF } from './known-hosts.js';
import {
  type IdentityClash,
  isOtherAlive,
  isOthers,
  otherAliveError,
  type Registered,
} from './records-owner.js';

export interface RegistrationOrder {
  readonly host: HostRecord;
  readonly lease: Lease;
  /** This process has registered before: if the record is another machine's now, that machine took it from this one. */
  readonly wasRegistered: boolean;
  readonly clash: IdentityClash;
}

export interface Registration {
  /** As it is written. */
  readonly host: HostRecord;
  /** What the store had before. */
  readonly before: Registered;
}

/**
 * For one transaction. A silent host whose VTEP this one has now keeps its record as long as it has networks or
 * endpoints: others must see that it is silent. Throws IN_USE when another machine has the id or the VTEP and is alive.
 */
export function registrationAttempt(
  store: Store,
  order: RegistrationOrder,
): () => Promise<Attempt<Registration>> {
  const { lease } = order;
  const { id, vtep } = order.host;
  let before: Registered = { isAlive: false };
  return async () => {
    const [own, holder, alive] = await Promise.all(
      [keys.host(id), keys.vtep(vtep), keys.alive(id)].map((key) => store.get(key)),
    );
    const former = own && parseRecord(hostRecord, own);
    const registered = { record: former, isAlive: alive !== undefined };
    checkSameMachine(registered, order);
    // Else this registration has been committed already, with its outcome unknown.
    if (alive?.value !== lease.id) before = registered;
    const taken = holder && holder.value !== id ? holder.value : undefined;
    if (taken !== undefined) await checkGone(store, taken, vtep);
    const isEmpty = taken !== undefined && (await hasNothing(store, taken));
    const formerClaim = await findFormerClaim(store, former, vtep);
    const isUnsure = alive === undefined && (await isAnyOlder(store, id));
    const host = { ...withFormerFacts(order.host, former), ...(isUnsure && { twins: undefined }) };
    return {
      result: { host, before },
      conditions: [
        asRead(keys.host(id), own),
        asRead(keys.vtep(vtep), holder),
        asRead(keys.alive(id), alive),
      ],
      writes: [
        { put: keys.host(id), value: formatRecord(host) },
        { put: keys.vtep(vtep), value: id },
        { put: keys.alive(id), value: lease.id, lease },
        ...(formerClaim ? [{ remove: formerClaim.key }] : []),
        ...(isEmpty ? [{ remove: keys.host(taken) }] : []),
      ],
    };
  };
}

/**
 * The record of `host`, when the store is away and was last known to have it with this VTEP: only then is the registration
 * done later. Throws the store's errors.
 */
export async function findKnownRecord(
  store: Store,
  { id, vtep }: HostRecord,
): Promise<HostRecord | undefined> {
  try {
    await store.get(keys.host(id), { fresh: true });
    return undefined;
  } catch (error: unknown) {
    if (!isXnetError(error, 'STORE_UNAVAILABLE')) throw error;
    const entry = await store.get(keys.host(id));
    const known = entry && findRecord(hostRecord, entry);
    return known?.vtep === vtep ? known : undefined;
  }
}

function checkSameMachine(registered: Registered, { host, wasRegistered, clash }: RegistrationOrder): void {
  const { record } = registered;
  // An address proves nothing against the machine that had it when the record was taken.
  if (!record || !isOtherAlive(registered, wasRegistered ? { ...host, vtep: '' } : host)) return;
  if (!wasRegistered) clash.note(record);
  throw otherAliveError(record);
}

async function checkGone(store: Store, otherId: string, vtep: string): Promise<void> {
  const entry = await store.get(keys.host(otherId));
  const name = entry ? parseRecord(hostRecord, entry).name : otherId;
  if (!(await store.get(keys.alive(otherId)))) return;
  throw new XnetError(
    'IN_USE',
    `underlay address ${vtep} is in use by host ${name}; give this host an address of its own (--vtep or --interface)`,
  );
}

/**
 * Docker has not been looked at yet when xnet starts. Whether the twins are complete the store alone knows: an older xnet may
 * have registered since, or another host have removed this one.
 */
function withFormerFacts(host: HostRecord, former: HostRecord | undefined): HostRecord {
  const { gatewaySubnets = former?.gatewaySubnets, dockerDatabase = former?.dockerDatabase } = host;
  return { ...host, gatewaySubnets, dockerDatabase, twins: former?.twins };
}

/**
 * Whether another host has an xnet without twins. While this one was silent, `xnet host rm` there may have removed records without
 * their twins, and broken off when this host was alive again.
 */
async function isAnyOlder(store: Store, hostId: string): Promise<boolean> {
  const { entries } = await store.list(keys.hosts());
  return entries.some((entry) => {
    const record = findRecord(hostRecord, entry);
    return record !== undefined && record.id !== hostId && record.twins !== true;
  });
}

/** For example a machine that was installed anew after xnet was removed from it. */
async function hasNothing(store: Store, hostId: string): Promise<boolean> {
  const { bindings, endpoints } = await listHostRecords(store, hostId);
  return bindings.length === 0 && endpoints.every((entry) => HOST_OF.endpoint(entry) !== hostId);
}

/**
 * One try to give up the claim of the host's former address, which is gone. Two hosts that swap theirs would else wait for
 * each other for ever.
 */
export async function attemptGiveUp(store: Store, host: HostRecord): Promise<Attempt<void>> {
  const entry = await store.get(keys.host(host.id));
  const own = entry && findRecord(hostRecord, entry);
  // Another machine may have taken this one's record, and has its own address in it.
  const claim = own && !isOthers(own, host) ? await findFormerClaim(store, own, host.vtep) : undefined;
  if (!claim) return { result: undefined };
  return { result: undefined, conditions: [asRead(claim.key, claim)], writes: [{ remove: claim.key }] };
}

/** The claim of the address with which the host is registered, unless that is `vtep`, or another host has it by now. */
async function findFormerClaim(
  store: Store,
  registered: HostRecord | undefined,
  vtep: string,
): Promise<Entry | undefined> {
  if (!registered || registered.vtep === vtep) return undefined;
  const claim = await store.get(keys.vtep(registered.vtep));
  return claim?.value === registered.id ? claim : undefined;
}
