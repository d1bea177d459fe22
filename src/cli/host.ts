import type { KnownHost } from '../server/admin.js';
import { askDaemon } from './admin-client.js';

/** `xnet host ls`: the hosts of the cluster. */
export async function printHosts(options: { adminSocket: string; json?: boolean }): Promise<void> {
  const hosts = await askDaemon<KnownHost[]>(options.adminSocket, '/hosts');
  process.stdout.write(options.json ? `${JSON.stringify(hosts, undefined, 2)}\n` : formatHosts(hosts));
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
    ...[name ?? '(removed)', id, vtep ?? '-', alive ? 'alive' : 'silent'],
    ...[`${networks}`, `${endpoints}`],
  ]);
  const table = [['HOST', 'ID', 'UNDERLAY', 'STATE', 'NETWORKS', 'ENDPOINTS'], ...rows];
  const widths = [0, 1, 2, 3, 4, 5].map((column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  );
  return table
    .map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n')
    .concat('\n');
}
