import { describe, expect, test } from '@jest/globals';
import type { Ipam } from '../../../src/ipam/ipam.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import { Cluster, ip, next, poolRequest } from '../../support/ipam/cluster.js';

const NETWORK = '0123456789ab';
const POOL = `xnet-local~${NETWORK}~10.1.0.0/28`;
const copyPool = () => poolRequest('10.1.0.0/28', { networkName: NETWORK, highestFirst: true });

/** As CreateEndpoint does on the host where Docker's own IPAM chose the address. */
async function bind(cluster: Cluster, host: Ipam, address: string, endpointId: string): Promise<void> {
  const plan = await host.addressBook.bindPlan({ poolKey: POOL, address, endpointId, networkId: NETWORK });
  expect((await cluster.store.commit(plan.conditions, plan.writes)).committed).toBe(true);
}

describe("a pool that Docker's own IPAM serves on another host", () => {
  test('gives the highest addresses first, on all its hosts', async () => {
    await using cluster = new Cluster();
    const [h2, h3] = [cluster.host('h2'), cluster.host('h3')];
    const two = await h2.requestPool(copyPool());
    const three = await h3.requestPool(copyPool());
    expect(await next(h2, two.poolId)).toBe('10.1.0.14');
    expect(await next(h3, three.poolId)).toBe('10.1.0.13');
    expect(await next(h2, two.poolId)).toBe('10.1.0.12');
  });

  test('stays at the top: what has rested is given again before the next lower one', async () => {
    await using cluster = new Cluster();
    const h2 = cluster.host('h2', { restSeconds: 0 });
    const { poolId } = await h2.requestPool(copyPool());
    await next(h2, poolId);
    await next(h2, poolId);
    await h2.releaseAddress(poolId, ip('10.1.0.14'));
    expect(await next(h2, poolId)).toBe('10.1.0.14');
  });

  test('gives what rests last of all', async () => {
    await using cluster = new Cluster();
    const h2 = cluster.host('h2');
    const { poolId } = await h2.requestPool(copyPool());
    await next(h2, poolId);
    await h2.releaseAddress(poolId, ip('10.1.0.14'));
    const seen: string[] = [];
    for (let count = 0; count < 13; count++) seen.push((await next(h2, poolId)).split('.').pop() ?? '');
    expect(seen.join(' ')).toBe('13 12 11 10 9 8 7 6 5 4 3 2 14');
  });

  test('is exhausted where the two ends meet', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    const { poolId } = await h2.requestPool(copyPool());
    for (let last = 1; last <= 12; last++) await bind(cluster, h1, `10.1.0.${last}`, `e${last}`);
    expect([await next(h2, poolId), await next(h2, poolId)]).toEqual(['10.1.0.14', '10.1.0.13']);
    await expect(next(h2, poolId)).rejects.toMatchObject({ code: 'EXHAUSTED' });
  });

  test('has a gateway, for a Docker that wants one, that no container has', async () => {
    await using cluster = new Cluster();
    const [h1, h2, h3] = [cluster.host('h1'), cluster.host('h2'), cluster.host('h3')];
    await bind(cluster, h1, '10.1.0.1', 'e1');
    const two = await h2.requestPool(copyPool());
    await next(h2, two.poolId);
    const three = await h3.requestPool(copyPool());
    const gateway = await h3.requestAddress(three.poolId, { purpose: 'gateway' });
    expect(`${gateway.address}`).toBe('10.1.0.13');
    expect(`${(await h2.requestAddress(two.poolId, { purpose: 'gateway' })).address}`).toBe('10.1.0.13');
  });
});

describe("a clash with Docker's own choice", () => {
  test('is refused naming the container that holds the address, its host, and the remedy', async () => {
    await using cluster = new Cluster();
    const [h1, h2] = [cluster.host('h1'), cluster.host('h2')];
    await bind(cluster, h2, '10.1.0.3', 'e2');
    const names = { container: 'web', containerId: 'c', network: 'plain', names: ['web'], ports: [] };
    const endpoint = {
      ...{ version: 1 as const, id: 'e2', networkId: NETWORK, dockerNetworkId: 'd', hostId: 'id-of-h2' },
      ...{ addresses: ['10.1.0.3'], mac: '02:00:00:00:00:01', names },
    };
    await cluster.store.commit([], [{ put: keys.endpoint(NETWORK, 'e2'), value: formatRecord(endpoint) }]);
    await expect(bind(cluster, h1, '10.1.0.3', 'e1')).rejects.toMatchObject({
      code: 'IN_USE',
      message: expect.stringMatching(
        /10\.1\.0\.3 is held by container web on host h2; .*--ip\b.*another host.*--ipam-driver xnet/,
      ),
    });
  });
});
