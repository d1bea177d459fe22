import { expect, test } from '@jest/globals';
import type { NetworkAnswer } from '../../../src/admin/answers.js';
import { networkText } from '../../../src/cli/lists/tables.js';

const NETWORK: NetworkAnswer = {
  ...{ id: 'c0ffee', name: 'shop', mode: 'routed', vni: 7, subnets: ['10.1.0.0/24'] },
  ...{ internal: false, multicast: false, mirrored: true, swarm: false, endpoints: 0, hosts: 0 },
  ...{ options: {}, labels: {}, asOf: 'store', dockerNetworks: [], members: [] },
};

test('a routed network carries no multicast, and its text says so', () => {
  expect(networkText(NETWORK)).toMatch(/^is +mirrored, without multicast and broadcast$/m);
  expect(networkText({ ...NETWORK, mode: 'overlay' })).toMatch(/^is +mirrored$/m);
});
