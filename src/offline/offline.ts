/**
 * src/offline: what the commands answer while no daemon does: by the files of the state directory, and by asking etcd, Docker and
 * the kernel themselves. Read-only. Loaded by a command that got no answer, and by nothing else. Not in here: how it is printed.
 */
import { hostname } from 'node:os';
import type { Handlers } from '../admin/operations.js';
import { loadOrDefault } from '../config/load-or-default.js';
import { publicSettings } from '../config/public-settings.js';
import { configSchema } from '../config/schema.js';
import { XnetError } from '../errors.js';
import { clusterHandlers } from '../host/answers/cluster-handlers.js';
import { readKnownState } from './known-state.js';
import { consultOfflineDoctor } from './offline-doctor.js';
import { readOfflineStatus } from './offline-status.js';
import type { OfflineParts } from './parts.js';

export interface WithoutDaemon {
  readonly handlers: Handlers;
  /** When what is known of the cluster was last written (ISO 8601). */
  readonly knownAt: string | undefined;
}

/**
 * What answers in the place of the daemon at `socketPath`. undefined: that is another daemon's than the one that is configured
 * here, or none has ever run. Throws the file system's errors.
 */
export async function answerWithoutDaemon(
  socketPath: string,
  reason: string,
  version: string,
): Promise<WithoutDaemon | undefined> {
  const { config, problem: configProblem } = loadOrDefault();
  if (![config.adminSocket, configSchema.parse({}).adminSocket].includes(socketPath)) return undefined;
  const known = await readKnownState(config);
  if (!known) return undefined;
  const parts = { config, configProblem, known, reason, version };
  return { handlers: offlineHandlers(parts), knownAt: known.knownAt?.toISOString() };
}

function offlineHandlers(parts: OfflineParts): Handlers {
  const { known, version, config, reason } = parts;
  const status = () => readOfflineStatus(parts);
  const refuse = async () => {
    throw new XnetError('NOT_FOUND', reason);
  };
  return {
    version: async () => ({ version }),
    settings: async () => ({ settings: { ...publicSettings(config), store: known.store } }),
    status,
    doctor: async ({ all }) => consultOfflineDoctor(parts, await status(), all === 'true'),
    events: async ({ since = '', all }) => ({
      items: (await known.events(since)).map((event) => ({ host: hostname(), ...event })),
      refusals: all === 'true' ? [{ host: 'other hosts', refusal: `not asked: ${reason}` }] : [],
    }),
    trace: refuse,
    ping: refuse,
    egressLog: refuse,
    removeHost: refuse,
    applyPolicies: refuse,
    removePolicy: refuse,
    policy: refuse,
    testPolicy: refuse,
    learnPolicy: refuse,
    rotateKey: refuse,
    ...clusterHandlers(known.reader),
  };
}
