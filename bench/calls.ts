/** How long xnet itself takes for the calls of a container's start, read from its log. */
import type { LogLine } from './lab.js';

/** The calls that Docker makes while a container starts, in its order. */
export const START_CALLS = [
  'IpamDriver.RequestAddress',
  'NetworkDriver.CreateEndpoint',
  'NetworkDriver.Join',
  'NetworkDriver.EndpointOperInfo',
] as const;

/** The last of them. */
export const LAST_CALL = 'NetworkDriver.EndpointOperInfo';

export function timesOf(lines: readonly LogLine[], call: string): number[] {
  return lines.flatMap((line) => (line.message === call && line.ms !== undefined ? [line.ms] : []));
}

/** All calls of one start together, where `lines` are of one start. */
export function shareOf(lines: readonly LogLine[]): number {
  return START_CALLS.flatMap((call) => timesOf(lines, call)).reduce((sum, ms) => sum + ms, 0);
}

/** Starts that ran at the same time: RequestAddress tells no endpoint, so the first asked is taken for the first created. */
export function sharesOf(lines: readonly LogLine[]): number[] {
  const addresses = timesOf(lines, 'IpamDriver.RequestAddress');
  const created = lines.filter((line) => line.message === 'NetworkDriver.CreateEndpoint');
  return created.map(({ EndpointID }, index) => {
    const own = lines.filter((line) => line.EndpointID === EndpointID);
    return shareOf(own) + (addresses[index] ?? 0);
  });
}

/** Of the calls of starts. Throws when there is none. */
export function slowestCall(lines: readonly LogLine[]): { readonly message: string; readonly ms: number } {
  const calls = lines.flatMap(({ message, ms }) =>
    ms !== undefined && START_CALLS.some((call) => call === message) ? [{ message, ms }] : [],
  );
  const [slowest] = calls.sort((one, other) => other.ms - one.ms);
  if (!slowest) throw new Error('xnet has logged no call of a start');
  return slowest;
}

export function countFailures(lines: readonly LogLine[]): number {
  return lines.filter((line) => line.outcome === 'error').length;
}
