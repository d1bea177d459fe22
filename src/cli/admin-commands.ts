/** The commands that ask the daemon on this host. */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { XnetError } from '../errors.js';
import type { KnownHost } from '../model/host.js';
import { formatTable, shortName } from '../observability/layout.js';
import type { Status } from '../server/admin.js';
import { formatStatus } from '../server/status-text.js';

const TIMEOUT_MS = 15_000;

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

/** Asks the daemon on this host. Throws NOT_FOUND when none runs, with what to do, and the daemon's refusal in its own words. */
async function askDaemon<T>(socketPath: string, path: string, method: 'GET' | 'DELETE' = 'GET'): Promise<T> {
  const { code, answer } = await call(socketPath, path, method);
  if (code !== 200) throw refusal(code, answer);
  return JSON.parse(answer) as T;
}

/** Resolves to the whole answer. */
function call(
  socketPath: string,
  path: string,
  method: string,
): Promise<{ code: number | undefined; answer: string }> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      const message = `no xnet daemon answers on ${socketPath} (${error.message}); start it: systemctl start xnet, or xnet serve`;
      reject(new XnetError('NOT_FOUND', message, {}, { cause: error }));
    };
    const asked = request({ socketPath, path, method, timeout: TIMEOUT_MS }, (response) => {
      text(response).then((answer) => resolve({ code: response.statusCode, answer }), fail);
    });
    asked.on('timeout', () => {
      fail(new Error(`no answer within ${TIMEOUT_MS} ms`));
      asked.destroy();
    });
    asked.on('error', fail);
    asked.end();
  });
}

/** An answer without a reason comes from no daemon of ours, or from an older one. */
function refusal(code: number | undefined, answer: string): XnetError {
  try {
    const { error } = JSON.parse(answer) as { error: unknown };
    if (typeof error === 'string') return new XnetError(code === 409 ? 'IN_USE' : 'INTERNAL', error);
  } catch {
    // Shown whole.
  }
  return new XnetError('INTERNAL', `xnet answered ${code}: ${answer}`);
}
