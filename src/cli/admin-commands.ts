/** The commands that ask the daemon on this host. */

import type { KnownHost } from '../model/host.js';
import { formatTable, shortName } from '../observability/layout.js';
import type { Status } from '../server/admin.js';
import { formatStatus } from '../server/status-text.js';
import { askDaemon } from './admin-client.js';

interface Options {
  readonly adminSocket: string;
  readonly json?: boolean;
}

/** `xnet status`: one look at what works and what does not. */
export async function printStatus(options: Options): Promise<void> {
  const status = await askDaemon<Status>(options.adminSocket, '/status');
  print(status, formatStatus, options);
  if (status.problems.length > 0) process.exitCode = 1;
}

/** `xnet host ls`: the hosts of the cluster. */
export async function printHosts(options: Options): Promise<void> {
  const hosts = await askDaemon<KnownHost[]>(options.adminSocket, '/hosts');
  print(hosts, formatHosts, options);
  const isCurrent = hosts.every(({ alive }) => alive !== undefined);
  if (!isCurrent) process.stderr.write('the store does not answer: this is what was last known of it\n');
}

/** `xnet host rm`: forgets a host that will not come back. */
export async function removeHost(wanted: string, { adminSocket }: Options): Promise<void> {
  const path = `/hosts/${encodeURIComponent(wanted)}`;
  const { id, name, endpoints, networks } = await askDaemon<KnownHost>(adminSocket, path, 'DELETE');
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

function print<T>(answer: T, format: (answer: T) => string, { json }: Options): void {
  process.stdout.write(json ? `${JSON.stringify(answer, undefined, 2)}\n` : format(answer));
}

function stateOf(alive: boolean | undefined): string {
  if (alive === undefined) return 'unknown';
  return alive ? 'alive' : 'silent';
}
