import { expect } from '@jest/globals';
import { createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { LookupLoad } from '../support/dns/lookup-load.js';
import { Lookups } from '../support/dns/lookups.js';
import { slowDownPrograms } from '../support/faults/slow-programs.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

const LOOKUPS_PER_SECOND = 20;
/** More than any limit that a start or a call once had. */
const STARTED_MS = 60_000;

async function countStarts(lab: Lab, host: string): Promise<number> {
  return (await lab.xnetLog(host)).split('"message":"ready"').length - 1;
}

/** Ends the daemon of h1 in that way, and resolves when the next one is ready, which takes it seconds. */
async function replaceDaemon(lab: Lab, way: 'crash' | 'upgrade'): Promise<void> {
  const before = await countStarts(lab, 'h1');
  await using _ = await slowDownPrograms(lab, 'h1', 3);
  await lab.xnet('h1', way);
  const isReady = async () => (await countStarts(lab, 'h1')) > before;
  await eventually('the next daemon is ready', isReady, STARTED_MS);
}

describeInLab('slow machine', { hosts: 2 }, (test) => {
  for (const way of ['crash', 'upgrade'] as const) {
    test(`${way} of a daemon whose start takes seconds: names that were known are never denied`, async (lab) => {
      await createMirroredNetwork(lab, 'shop');
      const client = await runContainer(lab, 'h1', 'shop', { name: 'client' });
      await runContainer(lab, 'h2', 'shop', { name: 'far' });
      const late = await runContainer(lab, 'h2', 'shop', { name: 'late' });
      await (await Lookups.from(client)).finds('late', [await late.address()]);
      // `late` is so new that the file of what is known may not have it yet.
      const load = await LookupLoad.start([client], ['far', 'late'], LOOKUPS_PER_SECOND);
      await replaceDaemon(lab, way);
      const { asked, failures } = await load.stop();
      expect(failures.filter((failure) => /NXDOMAIN|far/.test(failure))).toEqual([]);
      expect(asked).toBeGreaterThan(3 * LOOKUPS_PER_SECOND);
      expect(await (await Lookups.from(client)).ask('nobody')).toEqual([]);
    });
  }

  test('the first container of a network starts on a host that takes over 8 s to follow it', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    const far = await runContainer(lab, 'h2', 'shop', { name: 'far' });
    await using _ = await slowDownPrograms(lab, 'h1', 4);
    const near = await runContainer(lab, 'h1', 'shop', { name: 'near' });
    expect(await near.greetOverTcp(await far.address())).toBe('far');
  });

  test('a container that is started while xnet takes over 8 s to start waits for it', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    const far = await runContainer(lab, 'h2', 'shop', { name: 'far' });
    await using _ = await slowDownPrograms(lab, 'h1', 5);
    await lab.xnet('h1', 'crash');
    const near = await runContainer(lab, 'h1', 'shop', { name: 'near' });
    expect(await near.greetOverTcp(await far.address())).toBe('far');
  });
});
