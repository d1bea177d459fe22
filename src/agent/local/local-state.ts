/**
 * src/agent/local: what this host's Docker has of xnet, read from the store after a start. Docker reports networks and
 * endpoints to a driver only once, when they are created (moby: daemon/libnetwork/controller.go). Also what another host
 * had, for its removal. Not in here: later changes, which come with the driver's calls.
 */
import { NEVER_MS, Sweep } from '../../concurrency/sweep.js';
import type { Engine } from '../../docker/engine.js';
import type { Endpoints } from '../../driver/endpoints/endpoints.js';
import { LocalNetworks } from '../../driver/local-networks.js';
import type { Networks } from '../../driver/networks/networks.js';
import { errorMessage, XnetError } from '../../errors.js';
import { type BindingRecord, bindingRecord } from '../../model/binding.js';
import { type EndpointRecord, endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import { type NetworkRecord, networkRecord } from '../../model/network.js';
import { type PoolReferenceRecord, poolReferenceRecord } from '../../model/pool.js';
import type { Logger } from '../../observability/logger.js';
import type { Replica } from '../../replica/replica.js';
import type { View } from '../../replica/view.js';
import { RecordReader } from '../../store/record-reader.js';
import type { Store } from '../../store/store.js';
import { listHostRecords } from './host-records.js';

export interface LocalStateParts {
  readonly store: Pick<Store, 'list'>;
  readonly hostId: string;
  /** Of this host. */
  readonly bindings: Pick<View<BindingRecord>, 'records' | 'isCurrent'>;
  readonly local: LocalNetworks;
  readonly records: RecordReader;
}

export interface CatchUpParts extends LocalStateParts {
  readonly engine: Pick<Engine, 'listNetworks'>;
  readonly networks: Pick<Networks, 'recall'>;
  readonly registration: { readonly hasTwins: boolean };
  readonly endpoints: Pick<Endpoints, 'recall'>;
  /** Called when all is read: containers may have lacked their resolvers and names until now. */
  readonly caughtUp: () => void;
  readonly logger: Logger;
}

/** To the next try, while the store or Docker does not answer. */
const RETRY_MS = 500;

export function followOwnBindings(replica: Replica, hostId: string): View<BindingRecord> {
  return replica.follow(keys.bindingsOfHost(hostId), bindingRecord);
}

/**
 * Fills `local` with what the store has of this host. Resolves to false when the store was away: what it was last known
 * to have may lack the last seconds before a crash (`catchUp` reads them). `networks`: of the cluster.
 */
export async function loadLocalState(
  parts: LocalStateParts & { readonly bindings: View<BindingRecord> },
  networks: View<NetworkRecord>,
): Promise<boolean> {
  const { local, bindings } = parts;
  await Promise.all([networks.ready, bindings.ready]);
  const { endpoints, isCurrent } = await readEndpoints(parts);
  fillLocal(local, bindings.records, endpoints, (id) => networks.get(keys.network(id))?.record);
  return networks.isCurrent && isCurrent;
}

/** What another host has. */
export interface OtherLocalState {
  readonly local: LocalNetworks;
  /** Also to networks that are gone. */
  readonly bindings: readonly BindingRecord[];
  readonly holds: readonly PoolReferenceRecord[];
}

/**
 * What the store has of another host. Throws INTERNAL when a newer xnet wrote any of it (nobody here knows what it means),
 * STORE_UNAVAILABLE also where it is known what the store had, and the store's other errors.
 */
export async function listLocalState(store: Store, hostId: string, logger: Logger): Promise<OtherLocalState> {
  const records = new RecordReader(logger);
  const networks = await store.list(keys.networks());
  const { isRecalled, ...found } = await listHostRecords(store, hostId);
  const known = records.read(networkRecord, keys.networks(), networks.entries);
  const bindings = records.read(bindingRecord, keys.bindings(), found.bindings);
  const holds = records.read(poolReferenceRecord, keys.poolReferences(), found.holds);
  const endpoints = records.read(endpointRecord, keys.endpoints(), found.endpoints);
  if (networks.recalled || isRecalled)
    throw new XnetError('STORE_UNAVAILABLE', store.problem ?? `${store.description} did not answer`);
  const [problem] = records.problems;
  if (problem !== undefined) throw new XnetError('INTERNAL', problem);
  const local = new LocalNetworks();
  const own = endpoints.filter((endpoint) => endpoint.hostId === hostId);
  fillLocal(local, bindings, own, (id) => known.find((network) => network.id === id));
  return { local, bindings, holds };
}

function fillLocal(
  local: LocalNetworks,
  bindings: readonly BindingRecord[],
  endpoints: readonly EndpointRecord[],
  findNetwork: (networkId: string) => NetworkRecord | undefined,
): void {
  for (const { networkId, dockerNetworkId } of bindings) {
    const record = findNetwork(networkId);
    if (record) local.addNetwork({ dockerNetworkId, record });
  }
  for (const endpoint of endpoints) local.recallEndpoint(endpoint);
}

/**
 * For a start while the store was away: once it answers, what it has of this host is read again, and what was made or
 * removed in the last seconds before the start is known. Without that its endpoints and networks would stay in the
 * store when Docker removes them.
 */
export function catchUp(parts: CatchUpParts): Sweep {
  return new Sweep({
    look: () => catchUpOnce(parts).then(() => NEVER_MS),
    retryMs: RETRY_MS,
    onFailure: (error) => parts.logger.debug('cannot catch up yet', { error: errorMessage(error) }),
  });
}

/** Throws STORE_UNAVAILABLE when it is not the store that answers. */
async function catchUpOnce(parts: CatchUpParts): Promise<void> {
  const { bindings, registration, networks, endpoints, local, caughtUp, logger } = parts;
  if (!bindings.isCurrent || !registration.hasTwins) throw noAnswer();
  for (const binding of bindings.records) await networks.recall(binding);
  const read = await readEndpoints(parts);
  if (!read.isCurrent) throw noAnswer();
  for (const endpoint of read.endpoints)
    if (!local.findEndpoint(endpoint.id)) await endpoints.recall(endpoint);
  await forgetNetworks(parts);
  logger.info('read from the store what was not known at the start');
  caughtUp();
}

function noAnswer(): XnetError {
  return new XnetError('STORE_UNAVAILABLE', 'the store has not answered since this start');
}

/** Those without a binding that Docker has no more: the binding of one that it has may be put back soon. */
async function forgetNetworks({ local, bindings, engine, hostId, networks }: CatchUpParts): Promise<void> {
  const bound = new Set(bindings.records.map(({ dockerNetworkId }) => dockerNetworkId));
  const unbound = local.listNetworks().filter(({ dockerNetworkId }) => !bound.has(dockerNetworkId));
  if (unbound.length === 0) return;
  const present = new Set((await engine.listNetworks()).map(({ id }) => id));
  for (const { dockerNetworkId, record } of unbound)
    if (!present.has(dockerNetworkId))
      await networks.recall({ networkId: record.id, hostId, dockerNetworkId });
}

/** This host's endpoints in its networks. `isCurrent`: the store itself has answered. */
async function readEndpoints({
  store,
  bindings,
  records,
  hostId,
}: LocalStateParts): Promise<{ readonly endpoints: EndpointRecord[]; readonly isCurrent: boolean }> {
  const prefix = keys.endpointsOfHost(hostId);
  const { entries, recalled } = await store.list(prefix);
  const networkIds = new Set(bindings.records.map(({ networkId }) => networkId));
  return {
    endpoints: records
      .read(endpointRecord, prefix, entries)
      .filter(({ networkId }) => networkIds.has(networkId)),
    isCurrent: bindings.isCurrent && !recalled,
  };
}
