/**
 * src/agent/local: what this host's Docker has of xnet, read from the store after a start. Docker reports networks and
 * endpoints to a driver only once, when they are created (moby: daemon/libnetwork/controller.go). Not in here: later
 * changes, which come with the driver's calls.
 */
import { NEVER_MS, Sweep } from '../../concurrency/sweep.js';
import type { Engine } from '../../docker/engine.js';
import type { Endpoints } from '../../driver/endpoints/endpoints.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import type { Networks } from '../../driver/networks/networks.js';
import { errorMessage, isXnetError, XnetError } from '../../errors.js';
import { type BindingRecord, bindingRecord, isBindingOf } from '../../model/binding.js';
import { type EndpointRecord, endpointRecord } from '../../model/endpoint.js';
import { keys } from '../../model/keys.js';
import type { NetworkRecord } from '../../model/network.js';
import type { Logger } from '../../observability/logger.js';
import type { Replica } from '../../replica/replica.js';
import type { View } from '../../replica/view.js';
import type { RecordReader } from '../../store/record-reader.js';
import type { Snapshot, Store } from '../../store/store.js';

export interface LocalStateParts {
  readonly store: Pick<Store, 'list'>;
  readonly hostId: string;
  /** Of this host. */
  readonly bindings: View<BindingRecord>;
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
  parts: LocalStateParts,
  networks: View<NetworkRecord>,
): Promise<boolean> {
  const { bindings, local } = parts;
  await Promise.all([networks.ready, bindings.ready]);
  for (const { networkId, dockerNetworkId } of bindings.records) {
    const record = networks.get(keys.network(networkId))?.record;
    if (record) local.addNetwork({ dockerNetworkId, record });
  }
  const { endpoints, isCurrent } = await readEndpoints(parts);
  for (const endpoint of endpoints) local.addEndpoint(endpoint);
  return networks.isCurrent && isCurrent;
}

/**
 * For a start while the store was away: once it answers, what it has of this host is read again, and what was made or
 * removed in the last seconds before the start is known. Without that its endpoints and networks would stay in the
 * store when Docker removes them.
 */
export function catchUp(parts: CatchUpParts): Sweep {
  return new Sweep({
    look: () => readAgain(parts).then(() => NEVER_MS),
    retryMs: RETRY_MS,
    onFailure: (error) => parts.logger.debug('cannot catch up yet', { error: errorMessage(error) }),
  });
}

/** Throws STORE_UNAVAILABLE when it is not the store that answers. */
async function readAgain(parts: CatchUpParts): Promise<void> {
  const { bindings, networks, endpoints, local, caughtUp, logger } = parts;
  if (!bindings.isCurrent) throw noAnswer();
  for (const binding of bindings.records) await networks.recall(binding);
  const read = await readEndpoints(parts);
  if (!read.isCurrent) throw noAnswer();
  for (const endpoint of read.endpoints)
    if (!local.findEndpoint(endpoint.id)) await endpoints.recall(endpoint);
  await forgetNetworks(parts);
  logger.info('read what the store did not tell at the start');
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

/** This host's endpoints in its networks. `isCurrent`: the store itself has answered for all of them. */
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
