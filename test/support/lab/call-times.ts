/** How long Docker waited for xnet: not a command's whole time, since Docker's own work takes seconds under load. */
import type { Lab } from './lab.js';

export interface CallTime {
  readonly method: string;
  readonly ms: number;
}

/** Each call of Docker so far, as xnet on `host` logged it. */
export async function callTimes(lab: Lab, host: string): Promise<CallTime[]> {
  const log = await lab.run(['logs', host, 'xnet']);
  return [...log.matchAll(/"message":"((?:NetworkDriver|IpamDriver)\.\w+)".*"ms":([\d.]+)/g)].map(
    ([, method = '', ms]) => ({ method, ms: Number(ms) }),
  );
}

export function slowest(calls: readonly CallTime[]): number {
  return Math.max(0, ...calls.map(({ ms }) => ms));
}
