/**
 * A managed plugin that cannot start stays all the same: Docker starts one that ends again at once, without a pause,
 * and its user would see nothing but a socket that is missing. This one lets itself be enabled, refuses every call with
 * the reason, shows it in `xnet status`, and can be set right and enabled again.
 */
import { hostname } from 'node:os';
import { everyOperation } from './admin/operations.js';
import type { Status } from './admin/status-answer.js';
import { configSchema } from './config/schema.js';
import { findOwnPlugin } from './docker/own-plugin.js';
import { XnetError } from './errors.js';
import { listenHeld, removeSockets } from './keeper/client/held-listener.js';
import { NOTHING_HELD } from './keeper/client/held-sockets.js';
import type { KeeperLink } from './keeper/client/keeper-link.js';
import { createLogger } from './observability/logger.js';
import { createAdminServer } from './server/admin.js';
import { createPluginServer } from './server/plugin.js';
import { closeServer } from './server/rpc.js';

/** In a managed plugin: resolves, with true, at the order to stop. Elsewhere with false, at once. */
export async function refuseInPlugin(why: string, version: string, keeper: KeeperLink): Promise<boolean> {
  if ((await findOwnPlugin()) === undefined) return false;
  const reason = why.replaceAll(/\s*\n\s*/g, ' ');
  const { order } = keeper;
  // The socket that Docker calls is held from the start. A keeper that does not answer may be the reason itself.
  const sockets = await keeper.connect().catch(() => NOTHING_HELD);
  const logger = createLogger({ level: 'warn', format: 'pretty' });
  logger.error('every call is refused', { reason });
  const refuse = () => Promise.reject(new XnetError('INVALID', reason));
  const { socket, adminSocket, scope } = configSchema.parse({});
  const plugin = {
    key: 'plugin',
    server: createPluginServer({ scope, ready: refuse, gatewayBridge: refuse, logger }),
    path: socket,
    ...(sockets.keeper && { behind: `${adminSocket}.calls` }),
  };
  const known = { version: async () => ({ version }), status: async () => statusOf(reason, version) };
  const answers = { ...everyOperation(refuse), ...known };
  const admin = { key: 'admin', server: createAdminServer(answers), path: adminSocket };
  const ignore = () => undefined;
  await listenHeld([plugin], sockets, ignore);
  // Its directory may be the very thing that is missing.
  const listening = await listenHeld([admin], sockets, ignore).then(
    () => [plugin, admin],
    () => [plugin],
  );
  await order.given;
  if (order.reason === 'stop') await removeSockets(listening, sockets);
  await Promise.all(listening.map(({ server }) => closeServer(server)));
  return true;
}

function statusOf(reason: string, version: string): Status {
  return {
    version,
    host: { id: 'unknown', name: hostname() },
    store: { description: 'none', problem: reason },
    names: {
      ...{ sandboxes: 0, answered: 0, forwarded: 0, dropped: 0, failedInstalls: 0, unpublished: 0 },
      lastFailures: [],
    },
    repairs: {},
    problems: [reason],
    networks: [],
    peers: [],
  };
}
