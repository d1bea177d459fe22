/** What the creation of a network writes to the store. */
import { XnetError } from '../../errors.js';
import { keys } from '../../model/keys.js';
import { type NetworkRecord, networkRecord } from '../../model/network.js';
import { formatRecord, parseRecord } from '../../model/record.js';
import type { Condition, Store, Write } from '../../store/store.js';
import type { Attempt } from '../../store/transact.js';
import type { GatewaySubnet, GivenPool, PoolBook, ReachedAddress } from '../collaborators.js';
import { planGlobalPools } from './global-pools.js';
import { checkForeign, type NetworkOptions, type NetworkReference } from './network-options.js';
import { checkJoin, checkReached, checkSubnets, chooseVni } from './network-plan.js';
import { type GivenReserved, reservedAddresses } from './reserved-addresses.js';
import { refuseSharedPools, type SharedPoolsParts } from './shared-pools.js';

export interface NetworkCreation {
  readonly dockerNetworkId: string;
  readonly options: NetworkOptions;
  readonly internal: boolean;
  readonly subnets: readonly (GivenReserved & { readonly addressSpace: string; readonly subnet: string })[];
}

export interface NetworkCreationParts extends SharedPoolsParts {
  readonly hostId: string;
  readonly pools: PoolBook;
  /** Of every host of the cluster. */
  readonly gatewaySubnets: () => readonly GatewaySubnet[];
  /** What containers of this host must reach. */
  readonly reached: () => Promise<readonly ReachedAddress[]>;
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
  const { store, gatewaySubnets } = parts;
  const { name, id } = { ...ipamReference(given), ...creation.options };
  const existing = await findExisting(store, { name, id }, newId);
  // A network of swarm's was checked when its manager allocated it.
  if (!existing?.swarm) checkForeign(creation.options, existing?.mirror?.options);
  if (existing) {
    checkJoin(existing, creation.options, given);
    const condition: Condition = { key: keys.network(existing.id), is: 'present' };
    const writes = bindingWrites(parts, creation.dockerNetworkId, existing.id, given);
    return { result: existing, conditions: [condition], writes };
  }
  checkSubnets(given, gatewaySubnets());
  checkReached(given, await parts.reached());
  const reserved = reservedAddresses(creation.subnets);
  const record = {
    ...newRecord(parts.pools, creation, given, newId, name),
    ...(Object.keys(reserved).length > 0 && { reserved }),
    ...(creation.options.mirror === false && { unmirrored: true as const }),
  };
  await refuseSharedPools(parts, record);
  const plan = await planRecord(parts, record, creation.options);
  const binding = bindingWrites(parts, creation.dockerNetworkId, newId, given);
  return { result: record, conditions: plan.conditions, writes: [...plan.writes, ...binding] };
}

/** What makes the record of a new network. Throws IN_USE for a VNI or a pool of the global space that another has. */
export async function planRecord(
  { store, pools }: Pick<NetworkCreationParts, 'store' | 'pools'>,
  record: NetworkRecord,
  options: NetworkOptions,
): Promise<{ conditions: Condition[]; writes: Write[] }> {
  const { id, name, vni } = record;
  await refuseTakenVni(store, options.vni);
  const global = await planGlobalPools(store, pools, record);
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
  const entry = await parts.store.get(keys.network(networkId));
  if (!entry) return { result: undefined };
  return {
    result: parseRecord(networkRecord, entry),
    conditions: [{ key: entry.key, is: 'present' }],
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
  const entry = networkId === undefined ? undefined : await store.get(keys.network(networkId));
  if (entry) return parseRecord(networkRecord, entry);
  if (id === undefined) return undefined;
  throw new XnetError(
    'NOT_FOUND',
    `the cluster has no network with xnet.id=${id}; \`xnet status\` lists them`,
  );
}

/** The network that the options name, or the one an earlier try of this creation made. */
async function findExisting(
  store: Store,
  reference: NetworkReference,
  newId: string,
): Promise<NetworkRecord | undefined> {
  const named = await findNetwork(store, reference);
  if (named) return named;
  const own = await store.get(keys.network(newId));
  return own && parseRecord(networkRecord, own);
}

export function newRecord(
  pools: PoolBook,
  { options, internal }: Pick<NetworkCreation, 'options' | 'internal'>,
  given: readonly GivenPool[],
  id: string,
  name: string | undefined,
): NetworkRecord {
  return {
    version: 1,
    id,
    ...(name !== undefined && { name }),
    vni: options.vni ?? chooseVni(Math.random()),
    ...(options.mtu !== undefined && { mtu: options.mtu }),
    multicast: options.multicast ?? true,
    internal,
    pools: given.map(({ subnet, poolKey }) => ({
      subnet,
      poolKey: poolKey ?? pools.ownPoolKey(id, subnet),
    })),
  };
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
  return [
    { put: keys.binding(networkId, hostId, dockerNetworkId), value: formatRecord(binding) },
    { put: keys.bindingGuard(networkId), value: dockerNetworkId },
  ];
}

/** The network that `--ipam-opt` names; `-o` takes precedence. */
function ipamReference(given: readonly GivenPool[]): NetworkReference {
  return given.find(({ network }) => network)?.network ?? {};
}
