import { expect } from '@jest/globals';
import { createSharedNetwork, runContainer } from '../support/containers.js';
import type { LabOptions } from '../support/lab.js';
import { describeInLab } from '../support/lab-suite.js';
import { expectNetworkToWork } from '../support/smoke.js';

const LABS: Record<string, LabOptions> = {
  'Docker 20.10': { hosts: 3, engine: '20.10' },
  'Docker 20.10 and 28 together': { hosts: 3, engines: { h2: '20.10' } },
};

for (const [topic, options] of Object.entries(LABS)) {
  describeInLab(topic, options, (test) => {
    test('ping, TCP, UDP, --ip, published ports and outbound traffic work', expectNetworkToWork);

    test('containers restart, and are connected and disconnected while they run', async (lab) => {
      await createSharedNetwork(lab, 'red');
      await createSharedNetwork(lab, 'blue');
      const one = await runContainer(lab, 'h1', 'red', { name: 'one' });
      const two = await runContainer(lab, 'h2', 'blue', { name: 'two' });
      await lab.docker('h2', 'network', 'connect', 'red', 'two');
      expect(await one.greetOverTcp(await two.address('red'))).toBe('two');
      await lab.docker('h2', 'restart', 'two');
      expect(await one.reaches(await two.address('red'))).toBe(true);
      const former = await two.address('red');
      await lab.docker('h2', 'network', 'disconnect', 'red', 'two');
      expect(await one.reaches(former)).toBe(false);
    });
  });
}
