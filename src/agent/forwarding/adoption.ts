import type { Patience } from '../../concurrency/deadline.js';
import type { Dataplane, NetworkSpec, ObservedNetwork } from '../../dataplane/dataplane.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { errorMessage, isXnetError } from '../../errors.js';
import type { NetworkRecord } from '../../model/network.js';
import type { Logger } from '../../observability/logger.js';
import type { NetworkFollower } from './network-follower.js';

/** For all networks of a start, in parallel. What takes longer continues in the background. */
const PATIENCE: Patience = { failingMs: 2_000, workingMs: 2_000 };

export interface AdoptionParts {
  readonly dataplane: Dataplane;
  readonly local: LocalNetworks;
  readonly follower: NetworkFollower;
  readonly specOf: (record: NetworkRecord) => NetworkSpec;
  readonly logger: Logger;
}

/**
 * Takes over what an earlier xnet left in the kernel: networks with endpoints are followed again; one that fails is
 * tried again while the start goes on. Networks that this host no longer has are removed, unless a container
 * has an interface of theirs: the store may be wrong (an old backup), and traffic that flows goes on untouched.
 */
export async function adoptKernelState(parts: AdoptionParts): Promise<void> {
  const { dataplane, local, logger } = parts;
  const networks = local.listNetworks();
  const used = networks.filter(({ record }) => local.listEndpoints(record.id).length > 0);
  await Promise.all(used.map(({ record }) => followAgain(record, parts)));
  const known = new Set(networks.map(({ record }) => record.id));
  const orphans = (await listNetworks(parts)).filter(({ id }) => !known.has(id));
  const outside = await listOuterEnds(orphans, dataplane);
  for (const { id, endpointNames, mode } of orphans) {
    const inContainers = endpointNames.filter((name) => !outside.has(name));
    if (inContainers.length > 0) {
      const fields = { network: id, endpointNames: inContainers };
      logger.error('a network in the kernel is not in the store; left alone', fields);
      continue;
    }
    logger.warn('removing a network that this host no longer has', { network: id });
    await dataplane.removeNetwork(id, mode).catch((error: unknown) => {
      logger.error('cannot remove a network', { network: id, error: errorMessage(error) });
    });
  }
}

/** What is left of others can stay until the next start: it is no reason not to start, as on a host that is slow to list its devices. */
async function listNetworks({ dataplane, logger }: AdoptionParts): Promise<readonly ObservedNetwork[]> {
  return dataplane.listNetworks().catch((error: unknown) => {
    logger.error('cannot look for networks that this host no longer has', { error: errorMessage(error) });
    return [];
  });
}

/** Endpoints that no container has: what stopped, and was removed from Docker, while no xnet was there. None if that cannot be found out. */
async function listOuterEnds(
  orphans: readonly ObservedNetwork[],
  dataplane: Dataplane,
): Promise<ReadonlySet<string>> {
  if (orphans.every(({ endpointNames }) => endpointNames.length === 0)) return new Set();
  return new Set(await dataplane.listOuterEnds().catch(() => []));
}

async function followAgain(
  record: NetworkRecord,
  { follower, specOf, logger }: AdoptionParts,
): Promise<void> {
  await follower.follow(specOf(record), PATIENCE).catch((error: unknown) => {
    const level = isXnetError(error, 'TIMEOUT') ? 'info' : 'error';
    logger[level]('a network is not followed yet', { network: record.id, error: errorMessage(error) });
  });
}
