/**
 * Addresses that are in the way of networks, above all those outside of all networks that containers must reach: those of the
 * hosts and of the nameservers. A container does not reach an address that is in a subnet of its network, since it looks for it in
 * the network; on a LAN it finds it there.
 */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { HostsView } from '../agent/hosts/hosts-view.js';
import type { HostReading } from '../dataplane/host-reading.js';
import type { ReachedAddress } from '../driver/collaborators.js';
import type { LocalNetworks } from '../driver/local-networks.js';
import { isOnSegment } from '../driver/networks/lan-plan.js';
import { findHidden } from '../driver/networks/network-plan.js';
import { findOverlaps, isRouted } from '../driver/networks/routed-plan.js';

const RESOLV_CONF = '/etc/resolv.conf';
/** If the nameserver is systemd-resolved, Docker gives its containers those of `behind` (moby: resolvconf/path.go). */
const RESOLVED = { nameserver: '127.0.0.53', behind: '/run/systemd/resolve/resolv.conf' };

/** Reads hosts and nameservers at each call. Never rejects: a file that cannot be read has no nameserver. */
export async function listReachedAddresses(hosts: HostsView): Promise<ReachedAddress[]> {
  const ofHosts = hosts.list().map(({ host }) => ({ address: host.vtep, what: `host ${host.name}` }));
  const nameservers = await readNameservers();
  return [...ofHosts, ...nameservers.map((address) => ({ address, what: "this host's nameserver" }))];
}

/** For `xnet status`: networks that were created on another host, or before the address was in use. */
export async function reachProblems({
  reached,
  local,
}: {
  readonly reached: () => Promise<readonly ReachedAddress[]>;
  readonly local: LocalNetworks;
}): Promise<string[]> {
  const addresses = await reached();
  return local
    .listNetworks()
    .filter(({ record }) => !isOnSegment(record.mode))
    .flatMap(({ record: { name, id, pools } }) =>
      findHidden(pools, addresses).map(
        ({ address, what, subnet }) =>
          `containers in network ${name ?? id} on this host do not reach ${address} (${what}): it is in the network's subnet ${subnet}; create the network again with another --subnet`,
      ),
    );
}

/**
 * For `xnet status`: what came into the way of routed networks after they were created, or is so on this host alone. Reads the
 * host's routes if there is such a network. Never rejects.
 */
export async function routedProblems(
  reading: Pick<HostReading, 'listRoutes'>,
  { local }: { readonly local: Pick<LocalNetworks, 'listNetworks'> },
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

async function readNameservers(): Promise<string[]> {
  const own = parseNameservers(await readText(RESOLV_CONF));
  const all = own.includes(RESOLVED.nameserver) ? parseNameservers(await readText(RESOLVED.behind)) : own;
  return all.filter((text) => isIP(text) !== 0);
}

/** resolv.conf(5); an IPv6 address may have a zone. */
function parseNameservers(text: string): string[] {
  return [...text.matchAll(/^\s*nameserver\s+([^\s%]+)/gm)].map(([, address = '']) => address);
}

function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
