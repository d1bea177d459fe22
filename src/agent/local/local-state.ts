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
import { errorMessage, isXnetError, XnetError } from '../../errors.js';
import { type BindingRecord, bindingRecord, isBindingOf } from '../../model/binding.js';
import { type EndpointRecord, endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import { type NetworkRecord, networkRecord } from '../../model/network.js';
import type { Logger } from '../../observability/logger.js';
import type { Replica } from '../../replica/replica.js';
import type { View } from '../../replica/view.js';
import { RecordReader } from '../../store/record-reader.js';
import type { Snapshot, Store } from '../../store/store.js';

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
  readonly endpoints: Pick<Endpoints, 'recall'>;
  /** Called when all is read: containers may have lacked their resolvers and names until now. */
  readonly caughtUp: () => void;
  readonly logger: Logger;
}

/** To the next try, while the store or Docker does not answer. */
const RETRY_MS = 500;

/** The bindings of one host: the others' are not worth reading. */
export function followOwnBindings(replica: Replica, hostId: string): View<BindingRecord> {
  return replica.follow(keys.bindings(), bindingRecord, (key) => isBindingOf(key, hostId));
}

/**
 * Fills `local` with what the store has of this host. Resolves to false when the store was away: what it was last known
 * to have may lack the last seconds before a crash (`catchUp` reads them). `networks`: of the cluster.
 */
export async function loadLocalState(
  parts: LocalStateParts & { readonly bindings: View<BindingRecord> },
  networks: View<NetworkRecord>,
): Promise<boolean> {
  await Promise.all([networks.ready, parts.bindings.ready]);
  const isCurrent = await fillLocal(parts, (id) => networks.get(keys.network(id))?.record);
  return networks.isCurrent && isCurrent;
}

/**
 * What the store has of another host. Throws INTERNAL when a newer xnet wrote any of it (nobody here knows what it means),
 * STORE_UNAVAILABLE also where it is known what the store had, and the store's other errors.
 */
export async function listLocalState(store: Store, hostId: string, logger: Logger): Promise<LocalNetworks> {
  const records = new RecordReader(logger);
  const networks = await store.list(keys.networks());
  const bindings = await store.list(keys.bindings());
  const known = records.read(networkRecord, keys.networks(), networks.entries);
  const own = bindings.entries.filter(({ key }) => isBindingOf(key, hostId));
  const bound = { records: records.read(bindingRecord, keys.bindings(), own), isCurrent: !bindings.recalled };
  const local = new LocalNetworks();
  const parts = { store, hostId, bindings: bound, local, records };
  const isCurrent = await fillLocal(parts, (id) => known.find((network) => network.id === id));
  if (networks.recalled || !isCurrent)
    throw new XnetError('STORE_UNAVAILABLE', store.problem ?? `${store.description} did not answer`);
  const [problem] = records.problems;
  if (problem !== undefined) throw new XnetError('INTERNAL', problem);
  return local;
}

/** Resolves to whether the store itself has answered. */
async function fillLocal(
  parts: LocalStateParts,
  findNetwork: (networkId: string) => NetworkRecord | undefined,
): Promise<boolean> {
  const { bindings, local } = parts;
  for (const { networkId, dockerNetworkId } of bindings.records) {
    const record = findNetwork(networkId);
    if (record) local.addNetwork({ dockerNetworkId, record });
  }
  const { endpoints, isCurrent } = await readEndpoints(parts);
  for (const endpoint of endpoints) local.recallEndpoint(endpoint);
  return isCurrent;
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
  const { bindings, networks, endpoints, local, caughtUp, logger } = parts;
  if (!bindings.isCurrent) throw noAnswer();
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

/** The host's endpoints in its networks. `isCurrent`: the store itself has answered for all of them. */
async function readEndpoints(
  parts: LocalStateParts,
): Promise<{ readonly endpoints: EndpointRecord[]; readonly isCurrent: boolean }> {
  const { bindings, records, hostId } = parts;
  const networkIds = new Set(bindings.records.map(({ networkId }) => networkId));
  const read = await Promise.all(
    [...networkIds].map(async (networkId) => {
      const prefix = keys.endpointsOf(networkId);
      const { entries, recalled } = await listEndpoints(parts, prefix);
      return { endpoints: records.read(endpointRecord, prefix, entries), recalled };
    }),
  );
  return {
    endpoints: read.flatMap(({ endpoints }) => endpoints).filter((endpoint) => endpoint.hostId === hostId),
    isCurrent: bindings.isCurrent && read.every(({ recalled }) => !recalled),
  };
}

/**
 * While the store is away, the list is empty for a network whose endpoints this host has never read: it has none there,
 * since it follows each network in which it has one.
 */
async function listEndpoints(
  { store, bindings }: LocalStateParts,
  prefix: string,
): Promise<Pick<Snapshot, 'entries' | 'recalled'>> {
  try {
    return await store.list(prefix);
  } catch (error: unknown) {
    if (bindings.isCurrent || !isXnetError(error, 'STORE_UNAVAILABLE')) throw error;
    return { entries: [], recalled: true };
  }
}
