/** Networks of swarm's in its node-local form: every node is told of them by itself, with one id. */
import { expect, test } from '@jest/globals';
import { Cluster } from '../../support/daemon/cluster.js';
import { newSwarmId } from '../../support/fake-docker/swarm-calls.js';

const LOCAL = 'xnet-local';

test('nodes whose configurations name a subnet alone have one network; one with another subnet is refused', async () => {
  await using cluster = await Cluster.start(2);
  const [one, two] = [cluster.host(1).daemon, cluster.host(2).daemon];
  const NetworkID = newSwarmId();
  const create = async (daemon: typeof one, subnet: string, id = NetworkID) => {
    const { json } = await daemon.call('IpamDriver.RequestPool', { AddressSpace: LOCAL, Pool: subnet });
    const IPv4Data = [{ AddressSpace: LOCAL, Pool: subnet }];
    const { json: created } = await daemon.call('NetworkDriver.CreateNetwork', { NetworkID: id, IPv4Data });
    return { PoolID: json.PoolID, refusal: created.Err };
  };
  const created = [await create(one, '10.88.0.0/24'), await create(two, '10.88.0.0/24')];
  expect(created.map(({ refusal }) => refusal)).toEqual([undefined, undefined]);
  expect(await cluster.records('networks/')).toHaveLength(1);
  expect(await cluster.records('bindings/')).toHaveLength(2);

  await two.call('NetworkDriver.DeleteNetwork', { NetworkID });
  expect((await create(two, '10.99.0.0/24')).refusal).toMatch(/has 10.88.0.0\/24, .*\(10.99.0.0\/24\)/);

  // Docker's own ids differ from host to host: two networks, as ever.
  await create(one, '10.77.0.0/24', 'a'.repeat(64));
  await create(two, '10.77.0.0/24', 'b'.repeat(64));
  expect(await cluster.records('networks/')).toHaveLength(3);
}, 60_000);
