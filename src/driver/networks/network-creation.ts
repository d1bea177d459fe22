/** What the creation of a network writes to the store. */
import { createHash, randomBytes } from 'node:crypto';
import { XnetError } from '../../errors.js';
import { putBinding } from '../../model/by-host.js';
import { keys } from '../../model/keys.js';
import type { LanMode, Mode } from '../../model/mode.js';
import { type NetworkRecord, networkRecord } from '../../model/network.js';
import { ownPoolKey } from '../../model/pool.js';
import type { Protection } from '../../model/protection.js';
import { formatRecord, parseRecord } from '../../model/record.js';
import type { CommitPart, Condition, Store, Write } from '../../store/store.js';
import type { Attempt } from '../../store/transact.js';
import type { GatewaySubnet, GivenPool, ReachedAddress } from '../collaborators.js';
import { checkParent, completeMode, isLan, isOnSegment, type Parent, refuseChosen } from './lan-plan.js';
import { checkForeign, type NetworkOptions, type NetworkReference, newVni } from './network-options.js';
import {
  checkJoin,
  checkReached,
  checkSubnets,
  chooseVni,
  type GivenReserved,
  reservedAddresses,
} from './network-plan.js';
import { type NetworkPoolsParts, planGlobalPools, refuseSharedPools } from './network-pools.js';
import { encrypts } from './protection-options.js';
import { carriesMulticast, type RoutedPlanParts, refuseOverlaps } from './routed-plan.js';

export interface NetworkCreation {
  readonly dockerNetworkId: string;
  readonly options: NetworkOptions;
  readonly internal: boolean;
  /** As LanCreation. */
  readonly asksForGateways: boolean;
  readonly subnets: readonly (GivenReserved & { readonly addressSpace: string; readonly subnet: string })[];
}

export interface NetworkCreationParts extends NetworkPoolsParts, RoutedPlanParts {
  readonly hostId: string;
  /** Of every host of the cluster. */
  readonly gatewaySubnets: () => readonly GatewaySubnet[];
  /** What containers of this host must reach. */
  readonly reached: () => Promise<readonly ReachedAddress[]>;
  /** The parent of a LAN on this host, without its VLAN; undefined: it is not there. */
  readonly findParent: (mode: LanMode) => Promise<Parent | undefined>;
  /** Overlays that this host creates are encrypted, unless an option says otherwise. */
  readonly encryptAll: boolean;
  /** Throws where this host cannot encrypt. */
  readonly requireEncryption: () => Promise<void>;
}

/**
 * The id of a network that all hosts' Docker know by one id (scope global): derived from that, so that none of them has
 * to ask which network it is.
 */
export function globalNetworkId(dockerNetworkId: string): string {
  return createHash('sha256').update(dockerNetworkId).digest('hex').slice(0, 12);
}

/**
 * The id of a new network that this Docker network is the first one of; `isGlobal`: networks are of global scope. Docker's
 * own ids have 64 hex digits; a network of swarm's has one id on all nodes (swarmkit's identity.NewID).
 */
export function newNetworkId(dockerNetworkId: string, isGlobal: boolean): string {
  const isKnownToAll = isGlobal || /^[0-9a-z]{25}$/.test(dockerNetworkId);
  return isKnownToAll ? globalNetworkId(dockerNetworkId) : randomBytes(6).toString('hex');
}

/**
 * One try to bind a Docker network to the cluster network that its options name, or to a new one with the id `newId`,
 * which is the same at each try. Throws INVALID, IN_USE, NOT_FOUND.
 */
export async function attemptCreation(
  parts: NetworkCreationParts,
  creation: NetworkCreation,
  given: readonly GivenPool[],
  newId: string,
): Promise<Attempt<NetworkRecord>> {
  const { store } = parts;
  const { name, id } = { ...ipamReference(given), ...creation.options };
  // An earlier try of this creation may have made it.
  const existing = (await findNetwork(store, { name, id })) ?? (await readNetwork(store, newId));
  // A network of swarm's was checked when its manager allocated it.
  if (!existing?.swarm) checkForeign(creation.options, existing?.mirror?.options);
  if (existing) {
    checkJoin(existing, creation.options, given);
    const condition: Condition = { key: keys.network(existing.id), is: 'present' };
    const writes = bindingWrites(parts, creation.dockerNetworkId, existing.id, given);
    return { result: existing, conditions: [condition], writes };
  }
  const made = await newRecord(parts, creation, given, newId, name);
  const reserved = reservedAddresses(creation.subnets);
  const record = {
    ...made,
    ...(Object.keys(reserved).length > 0 && { reserved }),
    ...(creation.options.mirror === false && { unmirrored: true as const }),
  };
  await refuseSharedPools(parts, record);
  await refuseOverlaps(parts, record);
  const plan = await planRecord(store, record, creation.options);
  const binding = bindingWrites(parts, creation.dockerNetworkId, newId, given);
  return { result: record, conditions: plan.conditions, writes: [...plan.writes, ...binding] };
}

/** What makes the record of a new network. Throws IN_USE for a VNI or a pool of the global space that another has. */
export async function planRecord(
  store: Store,
  record: NetworkRecord,
  options: NetworkOptions,
): Promise<CommitPart> {
  const { id, name, vni } = record;
  await refuseTakenVni(store, options.vni);
  const global = await planGlobalPools(store, record);
  const claimed = [keys.vni(vni), ...(name === undefined ? [] : [keys.name(name)])];
  return {
    conditions: [
      ...[keys.network(id), ...claimed].map((key): Condition => ({ key, is: 'absent' })),
      ...global.conditions,
    ],
    writes: [
      { put: keys.network(id), value: formatRecord(record) },
      ...claimed.map((key) => ({ put: key, value: id })),
      ...global.writes,
    ],
  };
}

/** One try to bind a Docker network to the network of the cluster with this id; undefined: there is none. */
export async function attemptAdoption(
  parts: NetworkCreationParts,
  dockerNetworkId: string,
  networkId: string,
): Promise<Attempt<NetworkRecord | undefined>> {
  const result = await readNetwork(parts.store, networkId);
  if (!result) return { result };
  return {
    result,
    conditions: [{ key: keys.network(networkId), is: 'present' }],
    writes: bindingWrites(parts, dockerNetworkId, networkId, []),
  };
}

/**
 * The network of the cluster with that name or id; undefined when none has the name, or nothing is given.
 * Throws NOT_FOUND for an unknown id.
 */
export async function findNetwork(
  store: Store,
  { name, id }: NetworkReference,
): Promise<NetworkRecord | undefined> {
  const networkId = id ?? (name === undefined ? undefined : (await store.get(keys.name(name)))?.value);
  const network = networkId === undefined ? undefined : await readNetwork(store, networkId);
  if (network || id === undefined) return network;
  throw new XnetError(
    'NOT_FOUND',
    `the cluster has no network with xnet.id=${id}; \`xnet status\` lists them`,
  );
}

async function readNetwork(store: Store, networkId: string): Promise<NetworkRecord | undefined> {
  const entry = await store.get(keys.network(networkId));
  return entry && parseRecord(networkRecord, entry);
}

/** Throws IN_USE for a subnet that xnet cannot serve on every host, and as `completeMode`, `checkParent` and `refuseChosen`. */
export async function newRecord(
  {
    gatewaySubnets,
    reached,
    findParent,
    encryptAll,
    requireEncryption,
  }: Pick<
    NetworkCreationParts,
    'gatewaySubnets' | 'reached' | 'findParent' | 'encryptAll' | 'requireEncryption'
  >,
  creation: Pick<NetworkCreation, 'options' | 'internal' | 'asksForGateways' | 'subnets'>,
  given: readonly GivenPool[],
  id: string,
  name: string | undefined,
): Promise<NetworkRecord> {
  const { options, internal } = creation;
  const mode = options.mode && completeMode(options.mode, creation);
  if (isLan(mode)) {
    checkParent(mode, options.mtu, await findParent(mode));
    refuseChosen(mode, given);
  }
  // The subnet of a segment is what it is: hosts and nameservers are in it, and reached there.
  if (!isOnSegment(mode)) {
    checkSubnets(given, gatewaySubnets());
    checkReached(given, await reached());
  }
  const isEncrypted = encrypts(options, encryptAll);
  if (isEncrypted) await requireEncryption();
  const protection = isEncrypted ? { ...options.protection, encrypt: true as const } : options.protection;
  return {
    ...protectedMode(mode, protection),
    id,
    ...(name !== undefined && { name }),
    vni: newVni(options) ?? chooseVni(Math.random()),
    ...(options.mtu !== undefined && { mtu: options.mtu }),
    multicast: carriesMulticast(options),
    internal,
    pools: given.map(({ subnet, poolKey = ownPoolKey(id, subnet) }) => ({ subnet, poolKey })),
  };
}

/** An overlay without a protection is one to older versions, too. */
function protectedMode(
  mode: Mode | undefined,
  protection: Protection | undefined,
): Pick<NetworkRecord, 'version' | 'mode' | 'protection'> {
  const other = mode && mode.kind !== 'overlay' ? { mode } : {};
  if (protection) return { version: 3, ...other, protection };
  return { version: other.mode ? 2 : 1, ...other };
}

async function refuseTakenVni(store: Store, vni: number | undefined): Promise<void> {
  if (vni === undefined) return;
  const holder = await store.get(keys.vni(vni));
  if (!holder) return;
  throw new XnetError(
    'IN_USE',
    `VNI ${vni} is in use by network ${holder.value}; choose another xnet.vni, or join that network with -o xnet.id=${holder.value}`,
  );
}

function bindingWrites(
  { hostId }: NetworkCreationParts,
  dockerNetworkId: string,
  networkId: string,
  given: readonly GivenPool[],
): Write[] {
  const poolIds = given.flatMap(({ poolId }) => poolId ?? []);
  const binding = { version: 1 as const, networkId, hostId, dockerNetworkId, poolIds };
  return [...putBinding(binding), { put: keys.bindingGuard(networkId), value: dockerNetworkId }];
}

/** The network that `--ipam-opt` names; `-o` takes precedence. */
function ipamReference(given: readonly GivenPool[]): NetworkReference {
  return given.find(({ network }) => network)?.network ?? {};
}
