import { expect, test } from '@jest/globals';
import type { EndpointItem } from '../../../src/admin/answers.js';
import { withForged } from '../../../src/host/answers/forged-counts.js';
import { silentLogger } from '../../support/loggers.js';

const ENDPOINT = 'abcdef012345';

function endpoint(hostId: string, networkId: string): EndpointItem {
  return {
    ...{ id: ENDPOINT.padEnd(64, '0'), addresses: ['10.1.0.2'], mac: '02:00:00:00:00:01', names: [] },
    network: { id: networkId },
    host: { id: hostId, state: 'alive' },
  };
}

/** In the network `shop` two packets were dropped; that of a LAN counts none, and one cannot be read. */
async function countForged(networkId: string) {
  if (networkId === 'unreadable') throw new Error('netlink is full');
  return new Map(networkId === 'shop' ? [[ENDPOINT, 2]] : []);
}

const parts = { hostId: 'h1', dataplane: { reading: { countForged } }, logger: silentLogger };

test.each([
  ['of this host', endpoint('h1', 'shop'), 2],
  ['of another host', endpoint('h2', 'shop'), undefined],
  ['on a LAN', endpoint('h1', 'lan'), undefined],
  ['of a network whose counts cannot be read', endpoint('h1', 'unreadable'), undefined],
])('the packets that a container %s has forged', async (_, item, forged) => {
  const answer = { asOf: 'store', items: [item] } as const;
  expect(await withForged(parts, answer)).toEqual({
    ...answer,
    items: [{ ...item, ...(forged !== undefined && { forged }) }],
  });
});
