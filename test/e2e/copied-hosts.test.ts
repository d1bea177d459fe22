/** A second machine with the identity of a host: a cloned or restored virtual machine, a golden image. */
import { expect } from '@jest/globals';
import { createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { expectNoProblem, expectNoProblemButSilence, expectProblem } from '../support/containers/networks.js';
import { CopiedHost } from '../support/lab/copied-host.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

/** Longer than an endpoint that Docker seems to have forgotten, or a network that it seems to have lost, is left alone. */
const LOOKED_AT_MS = 12_000;

/**
 * What the cluster has of containers: none of it may be missing on the word of a copy. Addresses that hosts claim in advance
 * may come.
 */
async function containerRecords(lab: Lab): Promise<string[]> {
  const all = await lab.etcdKeys();
  return all.filter((key) => /^\/xnet\/(endpoints|bindings|addresses|pool-references)\//.test(key));
}

describeInLab('copied hosts', { hosts: 3 }, (test) => {
  for (const named of [true, false]) {
    test(
      `a copy of a host that is alive is refused and harms nothing (${named ? 'with' : 'without'} its host name)`,
      async (lab) => {
        await createMirroredNetwork(lab, 'demo');
        const near = await runContainer(lab, 'h1', 'demo');
        const original = await runContainer(lab, 'h2', 'demo');
        const before = await containerRecords(lab);
        {
          await using copy = await CopiedHost.start(lab, 'h3', 'h2', { named });
          await expectProblem(lab, copy.host, /host id \S+ is in use by another machine, h2 /);
          await new Promise((resolve) => setTimeout(resolve, LOOKED_AT_MS));
          await expectProblem(lab, copy.host, /in use by another machine.*empty its state directory/);
          expect(await near.greetOverTcp(original.name)).toBe(original.name);
          expect(await containerRecords(lab)).toEqual(expect.arrayContaining(before));
          // As itself the third machine is away.
          await expectNoProblemButSilence(lab, 'h2', 'h3');
          if (named) return;
          await copy.makeNew();
          await expectNoProblem(lab, copy.host);
        }
        expect(await near.greetOverTcp(original.name)).toBe(original.name);
      },
      { logsErrors: true },
    );
  }

  test(
    'a copy of a host that is off stands back, removes nothing, and the host takes its place again',
    async (lab) => {
      await createMirroredNetwork(lab, 'demo');
      const near = await runContainer(lab, 'h1', 'demo');
      const original = await runContainer(lab, 'h2', 'demo');
      const before = await containerRecords(lab);
      await lab.xnet('h2', 'stop');
      {
        await using copy = await CopiedHost.start(lab, 'h3', 'h2');
        await expectProblem(lab, copy.host, /were made on another machine, h2 .*nothing of them is touched/);
        await new Promise((resolve) => setTimeout(resolve, LOOKED_AT_MS));
        expect(await containerRecords(lab)).toEqual(expect.arrayContaining(before));
        await expect(runContainer(lab, copy.host, 'demo')).rejects.toThrow(/were made on another machine/);
        await lab.xnet('h2', 'start');
        await eventually(async () => expect(await near.greetOverTcp(original.name)).toBe(original.name));
        await expectNoProblemButSilence(lab, 'h2', 'h3');
      }
      expect(await containerRecords(lab)).toEqual(expect.arrayContaining(before));
      expect(await near.greetOverTcp(original.name)).toBe(original.name);
    },
    { logsErrors: true },
  );
});
