import { expect, test } from '@jest/globals';
import { localEndpoints } from '../../../src/agent/local/local-endpoints.js';
import type { EndpointRecord } from '../../../src/model/endpoint.js';
import type { NetworkRecord } from '../../../src/model/network.js';

const NETWORK: NetworkRecord = {
  version: 1,
  id: '0123456789ab',
  vni: 77,
  multicast: true,
  internal: false,
  pools: [
    { poolKey: 'a', subnet: '10.1.0.0/20' },
    { poolKey: 'b', subnet: 'fd01::/64' },
  ],
};

test('addresses have the length of their subnet, and the sandbox is the one that is known', () => {
  const endpoint: EndpointRecord = {
    version: 1,
    id: 'e1',
    networkId: NETWORK.id,
    dockerNetworkId: 'd1',
    hostId: 'h1',
    addresses: ['10.1.3.4', 'fd01::5'],
    mac: '02:00:00:00:00:01',
  };
  const outside = { ...endpoint, id: 'e2', addresses: [] };
  const paths = new Map([['e1', '/run/docker/netns/1']]);
  expect(localEndpoints(NETWORK, [endpoint, outside], (id) => paths.get(id))).toEqual([
    {
      id: 'e1',
      mac: endpoint.mac,
      addresses: ['10.1.3.4', 'fd01::5'],
      interfaceAddresses: ['10.1.3.4/20', 'fd01::5/64'],
      sandboxPath: '/run/docker/netns/1',
    },
    { id: 'e2', mac: endpoint.mac, addresses: [], interfaceAddresses: [], sandboxPath: undefined },
  ]);
});
