/** A ping that runs while something happens. */
import { expect } from '@jest/globals';
import type { Container } from '../containers/containers.js';
import { eventually } from '../time/eventually.js';

/** Pings while `action` goes on, ten times a second by default; how many before the last answered one were not answered. */
export async function countLost(
  from: Container,
  address: string,
  action: () => Promise<void>,
  { intervalS = 0.1 } = {},
): Promise<number> {
  const script = 'echo $$ >/tmp/ping.pid; exec ping -n -i "$2" "$1"';
  const exec = ['docker', 'exec', from.name, 'sh', '-c', script, 'sh', address, `${intervalS}`];
  await using ping = from.lab.start(from.host, ...exec);
  await eventually(() => expect(ping.output).toContain('bytes from'));
  await action();
  // What was lost at the end shows only when something comes after it.
  const before = answered(ping.output).size;
  await eventually(() => expect(answered(ping.output).size).toBeGreaterThan(Math.max(before, 10)));
  await from.exec('sh', '-c', 'kill -INT $(cat /tmp/ping.pid)');
  // ping's own count would have that lost which is under way when it is told to end.
  const numbers = answered(await ping.ended());
  return Math.max(...numbers) - numbers.size;
}

/** The numbers, from 1 on, of the pings that were answered. */
function answered(output: string): ReadonlySet<number> {
  return new Set([...output.matchAll(/bytes from .* icmp_seq=(\d+)/g)].map(([, number]) => Number(number)));
}
