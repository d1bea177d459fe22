/** A ping that runs while something happens. */
import { expect } from '@jest/globals';
import type { Container } from './containers.js';
import { eventually } from './eventually.js';

/** Pings ten times a second while `action` goes on; how many pings were not answered. */
export async function countLost(
  from: Container,
  address: string,
  action: () => Promise<void>,
): Promise<number> {
  const script = 'echo $$ >/tmp/ping.pid; exec ping -n -i 0.1 "$1"';
  const exec = ['docker', 'exec', from.name, 'sh', '-c', script, 'sh', address];
  await using ping = from.lab.start(from.host, ...exec);
  await eventually(() => expect(ping.output).toContain('bytes from'));
  await action();
  // What was lost at the end shows only when something comes after it.
  const before = answers(ping.output);
  await eventually(() => expect(answers(ping.output)).toBeGreaterThan(Math.max(before, 10)));
  await from.exec('sh', '-c', 'kill -INT $(cat /tmp/ping.pid)');
  const output = await ping.ended();
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(output) ?? [];
  return Number(sent) - Number(received);
}

function answers(output: string): number {
  return output.split('bytes from').length - 1;
}
