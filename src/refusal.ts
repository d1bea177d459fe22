/**
 * A managed plugin that cannot start stays all the same: Docker starts one that ends again at once, without a pause,
 * and its user would see nothing but a socket that is missing. This one lets itself be enabled, refuses every call with
 * the reason, shows it in `xnet status`, and can be set right and enabled again.
 */
import { hostname } from 'node:os';
import { configSchema } from './config/schema.js';
import { findOwnPlugin } from './docker/own-plugin.js';
import { XnetError } from './errors.js';
import { listenHeld, removeSockets } from './keeper/held-listener.js';
import { NOTHING_HELD } from './keeper/held-sockets.js';
import { StopOrder } from './keeper/stop-order.js';
import { createLogger } from './observability/logger.js';
import { createAdminServer, type Status } from './server/admin.js';
import { closeServer } from './server/close-server.js';
import { ipamDriverMethods } from './server/ipam-driver.js';
import { networkDriverMethods } from './server/network-driver.js';
import { pluginMethods } from './server/plugin.js';
import { createRpcServer } from './server/rpc.js';

const DEADLINE_MS = 1000;

/** In a managed plugin: resolves, with true, when it is told to stop. Elsewhere with false, at once. */
export async function refuseInPlugin(why: string, version: string): Promise<boolean> {
  if ((await findOwnPlugin()) === undefined) return false;
  const reason = why.replaceAll(/\s*\n\s*/g, ' ');
  const order = new StopOrder();
  const logger = createLogger({ level: 'warn', format: 'pretty' });
  logger.error('every call is refused', { reason });
  const refuse = () => Promise.reject(new XnetError('INVALID', reason));
  const methods = [...pluginMethods(), ...networkDriverMethods(refuse, refuse), ...ipamDriverMethods(refuse)];
  const { socket, adminSocket } = configSchema.parse({});
  const plugin = {
    key: 'plugin',
    server: createRpcServer({ methods, logger, deadlineMs: DEADLINE_MS }),
    path: socket,
  };
  const status = async () => statusOf(reason, version);
  const admin = { key: 'admin', server: createAdminServer(status), path: adminSocket };
  const ignore = () => undefined;
  await listenHeld([plugin], NOTHING_HELD, ignore);
  // Its directory may be the very thing that is missing.
  const listening = await listenHeld([admin], NOTHING_HELD, ignore).then(
    () => [plugin, admin],
    () => [plugin],
  );
  await order.given;
  await removeSockets(listening, NOTHING_HELD);
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
