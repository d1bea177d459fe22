/** What tasks and standalone containers of a swarm find and reach. */
import { expect } from '@jest/globals';
import type { Container } from '../containers/containers.js';
import { Lookups } from '../dns/lookups.js';
import { eventually } from '../time/eventually.js';
import { Greeter } from '../traffic/greetings.js';
import { addressesOf } from './swarm.js';

/** Each finds each of them by name, and is answered by it. Resolves to how long that took, in ms. */
export async function allGreet(containers: readonly Container[], timeoutMs?: number): Promise<number> {
  const hosts = [...new Set(containers.map(({ host }) => host))];
  const greeters = await Promise.all(
    hosts.map((host) => Greeter.all(containers.filter((each) => each.host === host))),
  );
  const startedMs = performance.now();
  await eventually(async () => {
    const ungreeted = await Promise.all(greeters.flat().map((greeter) => greeter.ungreeted(containers)));
    expect(ungreeted.flat()).toEqual([]);
  }, timeoutMs);
  return performance.now() - startedMs;
}

/** What all of them are told of the service `web`, by Docker's own resolver as well as by ours. */
export async function allFind(
  containers: readonly Container[],
  tasks: readonly Container[],
  timeoutMs?: number,
): Promise<void> {
  const addresses = await addressesOf(tasks);
  for (const container of containers) {
    const lookups = await Lookups.from(container);
    for (const name of ['web', 'tasks.web']) {
      await lookups.finds(name, addresses, timeoutMs);
      await lookups.dockerFinds(name, addresses, timeoutMs);
    }
  }
}
