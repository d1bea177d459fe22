/** The composition root: what `xnet serve` starts, in this order, and stops in the reverse one. */
import { type Patience, sleep, waitForWork } from './concurrency/deadline.js';
import { Readiness } from './concurrency/readiness.js';
import type { Config } from './config/schema.js';
import { findOwnPlugin, offerPlainName, withdrawPlainName } from './docker/own-plugin.js';
import { errorMessage } from './errors.js';
import { adminHandlers } from './host/answers/admin-handlers.js';
import { captureAnswers } from './host/answers/capture/capture.js';
import { DOCTOR, doctorHandler } from './host/answers/doctor/doctor.js';
import { EVENTS, eventsHandler, followEvents } from './host/answers/events.js';
import { POLICY_COUNTS, policyCountsHandler } from './host/answers/policies/counts.js';
import { LEARN, learnHandler } from './host/answers/policies/learn-policy.js';
import { TRACE } from './host/answers/trace/ask-host.js';
import { OwnPart } from './host/answers/trace/own-part.js';
import { openFoundation } from './host/foundation.js';
import { type Host, startHost } from './host/host.js';
import { lookAtEncryption } from './host/paths/encryption.js';
import { listenHeld, removeSockets } from './keeper/client/held-listener.js';
import type { KeeperLink } from './keeper/client/keeper-link.js';
import { giveBackFreeMemory } from './native/memory.js';
import { createLogger, type Logger } from './observability/logger.js';
import { createAdminServer } from './server/admin.js';
import { createPluginServer } from './server/plugin.js';
import { closeServer } from './server/rpc.js';
import { readStatus } from './status.js';

/** How long a call waits for a host that is still starting; then it is refused with the reason. */
const READY_PATIENCE: Patience = { failingMs: 8_000, workingMs: 45_000 };
/** How long the creation of a network waits for this host's docker_gwbridge; `failingMs`: if Docker's API does not answer. */
const GATEWAY_PATIENCE: Patience = { failingMs: 1_500, workingMs: 10_000 };
/** How long containers' queries wait for a daemon that starts; then they are answered by what the earlier daemon last knew. */
const ADOPT_WAIT_MS = 500;
/** Between two searches for sandboxes that ended without a call of Docker. */
const SWEEP_MS = 10_000;
/** Between two returns of free memory: a start leaves tens of megabytes, and so does a burst of containers. */
const TRIM_MS = 20_000;

/**
 * Runs until the order to stop (a signal, or the keeper's: StopOrder); then finishes the calls in flight. The kernel's state stays as it is,
 * and so do the sockets if another daemon is to go on.
 */
export async function runDaemon(config: Config, version: string, keeper: KeeperLink): Promise<void> {
  const { order } = keeper;
  const pluginId = await findOwnPlugin();
  const logger = createDaemonLogger(config, pluginId);
  const sockets = await keeper.connect();
  const isFailing = () => readiness.problem !== undefined;
  await using foundation = await openFoundation({ config, logger, sockets, version, pluginId, isFailing });
  const { store, hostId, resolvers } = foundation;
  const captures = captureAnswers(foundation, () => readiness.value);
  const status = () => readStatus(foundation, readiness);
  using ownPart = new OwnPart({
    pluginId,
    dataplane: foundation.dataplane,
    docker: () => readiness.value?.engine,
    lanOf: async (networkId) => ({ parent: await readiness.value?.parentWatch.readParent(networkId) }),
    sandboxPathOf: (endpointId) => readiness.value?.sandboxes.pathOf(endpointId),
    wayTo: (hostId) => readiness.value?.pairs.states.get(hostId)?.why,
    encryptionTo: (hostId) => lookAtEncryption(readiness.value, hostId),
    whyNotInForce: (networkId) =>
      readiness.value ? readiness.value.policies.whyNotInForce(networkId) : 'its xnet has not started yet',
  });
  const readiness: Readiness<Host> = new Readiness(
    () =>
      startHost(foundation, {
        [DOCTOR]: doctorHandler(foundation, status, () => readiness.value),
        [EVENTS]: eventsHandler(foundation.events),
        ...captures.handlers,
        [POLICY_COUNTS]: policyCountsHandler(() => readiness.value, foundation),
        [LEARN]: learnHandler(foundation),
        [TRACE]: (parameters) => ownPart.answers(parameters),
      }),
    (error) => logger.error('not ready', { error: errorMessage(error) }),
  );
  const plugin = createPluginServer({
    scope: config.scope,
    ready: () => waitForHost(readiness),
    gatewayBridge: () => waitForGatewayBridge(readiness),
    logger,
  });
  const admin = adminHandlers(foundation, {
    version,
    status,
    ownPart,
    host: () => readiness.value,
    startedHost: () => readiness.wait(READY_PATIENCE),
    removeHost: async (wanted) => (await readiness.wait(READY_PATIENCE)).removeHost(wanted),
  });
  const stopping = new AbortController();
  const streams = {
    stopping: stopping.signal,
    events: (isAll: boolean, signal: AbortSignal) => followEvents(foundation, isAll, signal),
    capture: captures.stream,
  };
  const listeners = [
    { key: 'plugin', server: plugin, path: config.socket, behind: `${config.adminSocket}.calls` },
    { key: 'admin', server: createAdminServer(admin, streams), path: config.adminSocket },
  ];
  const onNotHeld = (error: unknown) =>
    logger.warn('a socket will not outlive this daemon', { error: errorMessage(error) });
  await listenHeld(listeners, sockets, onNotHeld);
  if (pluginId !== undefined && config.plainName === 'on') {
    const onTaken = (error: unknown) => logger.error('no plain name', { error: errorMessage(error) });
    await offerPlainName(pluginId).catch(onTaken);
  }
  logger.info('listening', { socket: config.socket, store: store.description, host: hostId, version });

  const stop = new AbortController();
  // The host adopts them when it knows all names. If that takes long, they are adopted with the names last known.
  const adopting = sleep(ADOPT_WAIT_MS, stop.signal).then(() => resolvers.adoptHeld());
  const sweeping = setInterval(() => void resolvers.sweep(), SWEEP_MS);
  const trimming = setInterval(() => void giveBackFreeMemory(), TRIM_MS);
  const preparing = readiness.run(stop.signal).then(() => {
    if (readiness.value) logger.info('ready', { ...readiness.value.changes.underlay });
  });
  logger.info('stopping', { because: await order.given });
  stopping.abort();
  // Before the servers are closed: Docker then sends its whole call again, instead of waiting for an answer.
  if (order.reason === 'stop') {
    if (pluginId !== undefined) await withdrawPlainName(pluginId);
    await removeSockets(listeners, sockets);
  }
  await Promise.all(listeners.map(({ server }) => closeServer(server)));
  stop.abort();
  await preparing;
  await readiness.value?.[Symbol.asyncDispose]();
  clearInterval(sweeping);
  clearInterval(trimming);
  await adopting;
  if (order.reason === 'stop' || order.keeperLost) await resolvers.close();
  else resolvers.release();
}

/** Docker logs as errors what a plugin writes to standard error. */
function createDaemonLogger(
  { logLevel: level, logFormat: format }: Config,
  pluginId: string | undefined,
): Logger {
  return createLogger({ level, format, ...(pluginId !== undefined && { toStderr: ['error', 'warn'] }) });
}

/** Rejects with the reason when it is not ready in time, or another host has its place. */
async function waitForHost(readiness: Readiness<Host>): Promise<Host> {
  const host = await readiness.wait(READY_PATIENCE);
  if (host.registration.refusal) throw host.registration.refusal;
  return host;
}

/** Never rejects: without docker_gwbridge Docker may choose the subnet of another host's, which is refused with the remedy. */
async function waitForGatewayBridge(readiness: Readiness<Host>): Promise<void> {
  // The next call waits for the host, and is refused with the reason for which it cannot start.
  if (readiness.problem !== undefined) return;
  const settled = async () => (await readiness.wait(GATEWAY_PATIENCE)).mirror.settled;
  const findFailure = () => {
    const docker = readiness.value?.engine.state;
    return docker?.connected === false ? docker.reason : readiness.problem;
  };
  await waitForWork(settled(), GATEWAY_PATIENCE, 'docker_gwbridge', findFailure).catch(() => undefined);
}
