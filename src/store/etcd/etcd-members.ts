import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { TLSSocket } from 'node:tls';
import { RunningClock } from '../../concurrency/deadline.js';
import type { StoreMember } from '../store.js';
import type { EtcdEndpoint } from './etcd-endpoint.js';
import { describeFailure, NO_ANSWER } from './etcd-failure.js';
import type { EtcdTls } from './etcd-options.js';

const TIMEOUT_MS = 1_500;

/** The fastest answer counts: this process may be busy when another comes. */
const TRIES = 3;
/** No further try after so long: who asks waits for a few seconds at most, and a member this slow is seen by now. */
const ENOUGH_MS = 1_000;

/** Asks the member at `endpoint` alone. Never rejects. */
export async function askMember(endpoint: EtcdEndpoint, tls: EtcdTls | undefined): Promise<StoreMember> {
  const { url } = endpoint;
  try {
    let { ms, status } = await askStatus(endpoint);
    for (let [tries, all] = [1, ms]; tries < TRIES && all < ENOUGH_MS; tries += 1) {
      const next = await askStatus(endpoint);
      [ms, status, all] = [Math.min(ms, next.ms), next.status, all + next.ms];
    }
    return {
      ...{ url, version: status.version, bytes: Number(status.dbSize) },
      answerMs: Math.round(ms),
      hasLeader: status.leader !== '0',
      // Such as "memberID:1 alarm:NOSPACE " (etcd: server/etcdserver/errors).
      alarms: status.errors.flatMap((text) => /alarm:\s*(\w+)/.exec(text)?.[1] ?? []),
      ...(await readHttp(url, tls)).facts,
    };
  } catch (error: unknown) {
    // gRPC says of a refused certificate no more than that there is no connection.
    const { failure = error } = await readHttp(url, tls);
    return { url, hasLeader: false, alarms: [], bytes: 0, problem: describeFailure(failure).reason };
  }
}

async function askStatus(endpoint: EtcdEndpoint) {
  using clock = new RunningClock();
  const status = await endpoint.call(clock, TIMEOUT_MS, (client, options) =>
    client.maintenance.status(options),
  );
  return { status, ms: clock.ms };
}

/**
 * What HTTP shows of the member: the time of its clock, to the second (the header `Date`), and the end of its certificate; or why
 * it does not answer.
 */
function readHttp(
  url: string,
  tls: EtcdTls | undefined,
): Promise<{
  readonly facts?: Pick<StoreMember, 'clockMs' | 'certificateEndMs'>;
  readonly failure?: unknown;
}> {
  return new Promise((resolve) => {
    const get = url.startsWith('https:') ? getHttps : getHttp;
    const asked = get(`${url}/version`, { ...tls, timeout: TIMEOUT_MS, agent: false }, (response) => {
      const { socket } = response;
      const end = socket instanceof TLSSocket ? Date.parse(socket.getPeerCertificate().valid_to) : undefined;
      response.resume();
      const clock = Date.parse(response.headers.date ?? '');
      resolve({ facts: { clockMs: numberOf(clock), certificateEndMs: numberOf(end) } });
    });
    asked.on('timeout', () => asked.destroy(new Error(NO_ANSWER)));
    asked.on('error', (failure) => resolve({ failure }));
  });
}

function numberOf(time = Number.NaN): number | undefined {
  return Number.isNaN(time) ? undefined : time;
}
