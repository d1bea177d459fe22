import { formatTable, shortName } from '../observability/layout.js';
import type { KnownHost } from '../server/admin.js';
import { askDaemon } from './admin-client.js';

/** `xnet host ls`: the hosts of the cluster. */
export async function printHosts(options: { adminSocket: string; json?: boolean }): Promise<void> {
  const hosts = await askDaemon<KnownHost[]>(options.adminSocket, '/hosts');
  process.stdout.write(options.json ? `${JSON.stringify(hosts, undefined, 2)}\n` : formatHosts(hosts));
  const isCurrent = hosts.every(({ alive }) => alive !== undefined);
  if (!isCurrent) process.stderr.write('the store does not answer: this is what was last known of it\n');
}

/** `xnet host rm`: forgets a host that will not come back. */
export async function removeHost(wanted: string, options: { adminSocket: string }): Promise<void> {
  const path = `/hosts/${encodeURIComponent(wanted)}`;
  const { id, name, endpoints, networks } = await askDaemon<KnownHost>(options.adminSocket, path, 'DELETE');
  process.stdout.write(`${name ?? id} removed, with ${endpoints} endpoints in ${networks} networks\n`);
}

/** The text for people; pure. */
export function formatHosts(hosts: readonly KnownHost[]): string {
  const rows = hosts.map(({ id, name, vtep, alive, networks, endpoints }) => [
    ...[name === undefined ? '(removed)' : shortName(name), id, vtep ?? '-', stateOf(alive)],
    ...[`${networks}`, `${endpoints}`],
  ]);
  const head = ['HOST', 'ID', 'UNDERLAY', 'STATE', 'NETWORKS', 'ENDPOINTS'];
  return `${formatTable([head, ...rows]).join('\n')}\n`;
}

function stateOf(alive: boolean | undefined): string {
  if (alive === undefined) return 'unknown';
  return alive ? 'alive' : 'silent';
}
