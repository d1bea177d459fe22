import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { PoolRequests } from '../../../src/driver/pool-requests.js';
import { SwarmNetworks } from '../../../src/driver/swarm-networks.js';
import { keys } from '../../../src/model/keys.js';
import { Cluster, poolRequest } from '../../support/ipam/cluster.js';
import { eventually } from '../../support/time/eventually.js';

const TAKEOVER_MS = 20;

test('a network on a LAN is refused in a swarm, with what to do instead', async () => {
  const networks = new SwarmNetworks({} as never);
  const options = { 'xnet.mode': 'macvlan', parent: 'eth1' };
  const allocation = { dockerNetworkId: 'a'.repeat(25), options, subnets: ['10.9.0.0/24'] };
  await expect(networks.allocate(allocation)).rejects.toThrow(
    /-o xnet\.mode=macvlan does not go with swarm's networks.*leave it out, or set --scope local/,
  );
});

test('what is left is given back when swarm has forgotten what it stored, and not when Docker repeats a call', async () => {
  await using cluster = new Cluster();
  const [former, ipam] = [cluster.host('h1'), cluster.host('h2', { takeoverMs: TAKEOVER_MS })];
  const networks = new SwarmNetworks({
    store: cluster.store,
    pools: ipam,
    poolRequests: new PoolRequests(),
    gatewaySubnets: () => [],
    reached: async () => [],
    findParent: async () => undefined,
    hostRoutes: async () => [],
    largestMtu: () => 1450,
    encryptAll: false,
    requireEncryption: async () => undefined,
  });
  const global = (subnet: string) => poolRequest(subnet, { space: 'xnet-global' });
  const left = keys.pool((await former.requestPool(global('10.8.0.0/24'))).poolKey);
  await ipam.requestPool(global('10.9.0.0/24'));
  const allocation = { dockerNetworkId: 'a'.repeat(25), options: {}, subnets: ['10.9.0.0/24'] };

  const options = await networks.allocate(allocation);
  expect(await networks.allocate(allocation)).toEqual(options);
  await pause(10 * TAKEOVER_MS);
  expect(await cluster.store.get(left)).toBeDefined();

  expect(await networks.allocate({ ...allocation, options })).toEqual(options);
  await eventually(async () => (await cluster.store.get(left)) === undefined);
});
