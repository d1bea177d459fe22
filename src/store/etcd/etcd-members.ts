import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { RunningClock } from '../../concurrency/deadline.js';
import type { StoreMember } from '../store.js';
import type { EtcdEndpoint } from './etcd-endpoint.js';
import { describeFailure } from './etcd-failure.js';
import type { EtcdTls } from './etcd-options.js';

const TIMEOUT_MS = 1_500;

/** The fastest answer counts: this process may be busy when another comes. */
const TRIES = 3;

/** Asks the member at `endpoint` alone. Never rejects. */
export async function askMember(endpoint: EtcdEndpoint, tls: EtcdTls | undefined): Promise<StoreMember> {
  const { url } = endpoint;
  try {
    const times: number[] = [];
    for (let tries = 1; tries < TRIES; tries += 1) times.push((await askStatus(endpoint)).ms);
    const { ms, status } = await askStatus(endpoint);
    return {
      ...{ url, version: status.version, bytes: Number(status.dbSize) },
      answerMs: Math.round(Math.min(...times, ms)),
      hasLeader: status.leader !== '0',
      // Such as "memberID:1 alarm:NOSPACE " (etcd: server/etcdserver/errors).
      alarms: status.errors.flatMap((text) => /alarm:\s*(\w+)/.exec(text)?.[1] ?? []),
      clockMs: await readClock(url, tls),
    };
  } catch (error: unknown) {
    return { url, hasLeader: false, alarms: [], bytes: 0, problem: describeFailure(error).reason };
  }
}

async function askStatus(endpoint: EtcdEndpoint) {
  using clock = new RunningClock();
  const status = await endpoint.call(clock, TIMEOUT_MS, (client, options) =>
    client.maintenance.status(options),
  );
  return { status, ms: clock.ms };
}

/** The time of the member's clock, to the second: the header `Date` of its HTTP answers. undefined: it sends none. */
function readClock(url: string, tls: EtcdTls | undefined): Promise<number | undefined> {
  return new Promise((resolve) => {
    const get = url.startsWith('https:') ? getHttps : getHttp;
    const asked = get(`${url}/version`, { ...tls, timeout: TIMEOUT_MS, agent: false }, (response) => {
      response.resume();
      const time = Date.parse(response.headers.date ?? '');
      resolve(Number.isNaN(time) ? undefined : time);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', () => resolve(undefined));
  });
}
