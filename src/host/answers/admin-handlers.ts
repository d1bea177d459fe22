/** src/host/answers: what people ask of a host, by its own commands or from another host. Not in here: how an answer is printed. */
import {
  answerAddresses,
  answerEndpoints,
  answerNames,
  answerNetwork,
  answerNetworks,
  answerPools,
} from '../../admin/cluster-answers.js';
import type { Handlers } from '../../admin/operations.js';
import type { Status } from '../../admin/status-answer.js';
import { listKnownHosts } from '../../agent/hosts/known-hosts.js';
import type { KnownHost } from '../../model/host.js';
import type { Foundation } from '../foundation.js';
import type { Host } from '../host.js';
import { pathAnswers } from '../paths.js';
import { consultDoctor } from './doctor.js';
import { listEvents } from './events.js';
import { knownReader } from './known-reader.js';
import { pingHost } from './ping.js';

export interface OfTheDaemon {
  readonly version: string;
  readonly status: () => Promise<Status>;
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
  { version, status, host, startedHost, removeHost }: OfTheDaemon,
): Handlers {
  const store = knownReader(foundation.store);
  return {
    version: async () => ({ version }),
    status,
    doctor: async ({ all }) => consultDoctor(foundation, await status(), all === 'true', host()),
    events: ({ since, all }) => {
      // Times of events are compared as text.
      const from = since === undefined ? '' : new Date(since).toISOString();
      return listEvents(foundation, from, all === 'true');
    },
    hosts: async () => {
      const started = host();
      const paths = started && pathAnswers(started);
      return (await listKnownHosts(store)).map((each) => {
        const path = paths?.get(each.id);
        return path ? { ...each, path } : each;
      });
    },
    removeHost: ({ host: wanted }) => removeHost(wanted),
    ping: async (wanted) => pingHost(foundation, await startedHost(), wanted),
    networks: () => answerNetworks(store),
    network: (wanted) => answerNetwork(store, wanted),
    addresses: (wanted) => answerAddresses(store, wanted),
    endpoints: (wanted) => answerEndpoints(store, wanted),
    names: (wanted) => answerNames(store, wanted),
    pools: () => answerPools(store),
  };
}
