import type { Status } from '../server/admin.js';
import { formatStatus } from '../server/status-text.js';
import { askDaemon } from './admin-client.js';

/** `xnet status`: one look at what works and what does not. */
export async function printStatus(options: { adminSocket: string; json?: boolean }): Promise<void> {
  const status = await askDaemon<Status>(options.adminSocket, '/status');
  process.stdout.write(options.json ? `${JSON.stringify(status, undefined, 2)}\n` : formatStatus(status));
  if (status.problems.length > 0) process.exitCode = 1;
}
