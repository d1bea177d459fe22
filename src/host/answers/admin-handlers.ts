/** src/host/answers: what people ask of a host, by its own commands or from another host. Not in here: how an answer is printed. */
import { hostname } from 'node:os';
import type { Answer, Handlers } from '../../admin/operations.js';
import type { Status } from '../../admin/status-answer.js';
import { publicSettings } from '../../config/public-settings.js';
import type { KnownHost } from '../../model/host.js';
import type { Foundation } from '../foundation.js';
import type { Host } from '../host.js';
import { pairAnswers } from '../paths/pairs.js';
import { pathAnswers } from '../paths/paths.js';
import { clusterHandlers } from './cluster-handlers.js';
import { consultDoctor } from './doctor/doctor.js';
import { egressLog } from './egress-log.js';
import { listEvents } from './events.js';
import { withForged } from './forged-counts.js';
import { knownReader } from './known-reader.js';
import { pingHost } from './ping.js';
import { applyPolicies } from './policies/apply-policies.js';
import { showPolicy } from './policies/counts.js';
import { learnPolicy } from './policies/learn-policy.js';
import { removePolicy } from './policies/policies.js';
import { testPolicy } from './policies/test-policy.js';
import type { OwnPart } from './trace/own-part.js';
import { traceWay } from './trace/tracing.js';

export interface OfTheDaemon {
  readonly version: string;
  readonly status: () => Promise<Status>;
  /** In traces. */
  readonly ownPart: OwnPart;
  /** Undefined while it is not started. */
  readonly host: () => Host | undefined;
  /** Waits for it; rejects with the reason when it is not started in time. */
  readonly startedHost: () => Promise<Host>;
  /** By name or id. */
  readonly removeHost: (wanted: string) => Promise<KnownHost>;
}

/** What carries out each operation of the admin API. Lists are answered also while the host is not started. */
export function adminHandlers(
  foundation: Foundation,
  { version, status, ownPart: own, host, startedHost, removeHost }: OfTheDaemon,
): Handlers {
  const cluster = clusterHandlers(knownReader(foundation.store));
  return {
    version: async () => ({ version }),
    settings: async () => ({ settings: publicSettings(foundation.config) }),
    status,
    doctor: async ({ all }) => consultDoctor(foundation, await status(), all === 'true', host()),
    events: ({ since, all }) => {
      // Times of events are compared as text.
      const from = since === undefined ? '' : new Date(since).toISOString();
      return listEvents(foundation, from, all === 'true');
    },
    trace: (wanted) => traceWay({ ...foundation, own }, wanted, foundation.config.vxlanPort),
    ping: async (wanted) => pingHost(foundation, await startedHost(), wanted),
    egressLog: async ({ container }) => egressLog(await startedHost(), container),
    removeHost: ({ host: wanted }) => removeHost(wanted),
    applyPolicies: ({ policies }) => applyPolicies(foundation.store, policies),
    removePolicy: ({ policy }) => removePolicy(foundation.store, policy),
    policy: ({ policy }) => showPolicy(foundation, host(), policy),
    testPolicy: (wanted) => testPolicy({ ...foundation, own }, wanted, foundation.config.vxlanPort),
    learnPolicy: (wanted, signal) => learnPolicy(foundation, wanted, signal),
    rotateKey: async () => {
      (await startedHost()).keyChange.ask();
      return { host: hostname() };
    },
    ...cluster,
    endpoints: async (wanted) => withForged(foundation, await cluster.endpoints(wanted)),
    hosts: async (wanted) => withPaths(await cluster.hosts(wanted), host()),
  };
}

/** With what this host has measured of the path to each, and the way of routed networks to it. */
function withPaths(hosts: Answer<'hosts'>, host: Host | undefined): Answer<'hosts'> {
  if (!host) return hosts;
  const [paths, pairs] = [pathAnswers(host), pairAnswers(host)];
  return hosts.map((each) => {
    const [path, pair] = [paths.get(each.id), pairs.get(each.id)];
    return { ...each, ...(path && { path }), ...(pair && { pair }) };
  });
}
