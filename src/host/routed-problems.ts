import type { HostReading } from '../dataplane/host-reading.js';
import type { LocalNetworks } from '../driver/local-networks.js';
import { findOverlaps, isRouted } from '../driver/networks/routed-plan.js';

/**
 * For `xnet status`: what came into the way of routed networks after they were created, or is so on this host alone. Reads the
 * host's routes if there is such a network. Never rejects.
 */
export async function routedProblems(
  reading: Pick<HostReading, 'listRoutes'>,
  { local }: { readonly local: LocalNetworks },
): Promise<string[]> {
  const records = local.listNetworks().map(({ record }) => record);
  const routed = records.filter(isRouted);
  if (routed.length === 0) return [];
  const routes = await reading.listRoutes().catch(() => []);
  return routed.flatMap((record) =>
    findOverlaps(record, routed, routes).map(
      (overlap) =>
        `network ${record.name ?? record.id}: ${overlap}: packets to these addresses go astray on this host; remove the route, or create the network again with another --subnet`,
    ),
  );
}
