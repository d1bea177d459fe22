/** src/host/answers: what people ask of a host, by its own commands or from another host. Not in here: how an answer is printed. */
import type { Handlers } from '../../admin/operations.js';
import type { Status } from '../../admin/status-answer.js';
import { publicSettings } from '../../config/public-settings.js';
import type { KnownHost } from '../../model/host.js';
import type { Foundation } from '../foundation.js';
import { clusterHandlers } from './cluster-handlers.js';
import { consultDoctor } from './doctor.js';
import { listEvents } from './events.js';
import { knownReader } from './known-reader.js';
import type { OwnPart } from './trace/own-part.js';
import { traceWay } from './trace/tracing.js';

export interface OfTheDaemon {
  readonly version: string;
  readonly status: () => Promise<Status>;
  /** In traces. */
  readonly ownPart: OwnPart;
  /** By name or id. */
  readonly removeHost: (wanted: string) => Promise<KnownHost>;
}

/** What carries out each operation of the admin API. Lists are answered also while the host is not started. */
export function adminHandlers(
  foundation: Foundation,
  { version, status, ownPart: own, removeHost }: OfTheDaemon,
): Handlers {
  return {
    version: async () => ({ version }),
    settings: async () => ({ settings: publicSettings(foundation.config) }),
    status,
    doctor: async ({ all }) => consultDoctor(foundation, await status(), all === 'true'),
    events: ({ since, all }) => {
      // Times of events are compared as text.
      const from = since === undefined ? '' : new Date(since).toISOString();
      return listEvents(foundation, from, all === 'true');
    },
    trace: (wanted) => traceWay({ ...foundation, own }, wanted, foundation.config.vxlanPort),
    removeHost: ({ host }) => removeHost(host),
    ...clusterHandlers(knownReader(foundation.store)),
  };
}
