/** Networks of swarm's managers and nodes: several daemons on one etcd, called as dockerd calls them. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Cluster } from '../../support/daemon/cluster.js';
import { Leader, Node, newSwarmId, type SwarmNetwork } from '../../support/fake-docker/swarm-calls.js';
import { eventually } from '../../support/time/eventually.js';
import { expectInTime } from '../../support/time/in-time.js';

const TIMEOUT_MS = 60_000;
/** How calls are refused while etcd is away, and how soon each. */
const AWAY = /no answer|does not answer/;
const REFUSED_MS = 5_500;
/** What hosts have in the store by being there. */
const OF_HOSTS = /^(hosts|host-problems|alive|vteps)\//;

let cluster: Cluster;
let leader: Leader;
let second: Leader;
let one: Node;
let two: Node;

beforeAll(async () => {
  cluster = await Cluster.start(2, { args: ['--scope', 'global', '--rest-seconds', '3600'] });
  const [first, other] = [cluster.host(1).daemon, cluster.host(2).daemon];
  [leader, second, one, two] = [new Leader(first), new Leader(other), new Node(first), new Node(other)];
}, TIMEOUT_MS);
afterAll(() => cluster?.[Symbol.asyncDispose](), TIMEOUT_MS);

/** Every test ends with nothing left of its networks. */
afterEach(async () => {
  expect(await keysLeft()).toEqual([]);
});

async function keysLeft(): Promise<string[]> {
  return [...(await cluster.entries('')).keys()].filter((key) => !OF_HOSTS.test(key));
}

/** Of an address of the network's, whatever the pool is called. */
async function addressRecord(address: string): Promise<Record<string, unknown>> {
  const entries = await cluster.entries('addresses/');
  const [, value = '{}'] = [...entries].find(([key]) => key.endsWith(`/${address}`)) ?? [];
  return JSON.parse(value);
}

async function runEverywhere(network: SwarmNetwork) {
  for (const node of [one, two]) await node.createNetwork(network);
  const task = await one.run(network, await leader.give(network));
  const other = await two.run(network, await leader.give(network));
  return { task, other };
}

test(
  'what a manager sets is what every node has, and all goes with the network',
  async () => {
    const options = {
      'xnet.multicast': 'off',
      'com.docker.network.driver.mtu': '1300',
      'com.docker.network.enable_ipv6': 'false',
    };
    const network = await leader.createNetwork(options);
    expect(network.state).toEqual({ ...options, 'xnet.id': expect.stringMatching(/^[0-9a-f]{12}$/) });
    const { task, other } = await runEverywhere(network);
    expect(other.address).not.toBe(task.address);
    expect(await cluster.records('networks/')).toMatchObject([{ multicast: false, mtu: 1300 }]);

    await one.end(task);
    await two.end(other);
    for (const address of [task.address, other.address]) await leader.takeBack(network, address);
    for (const node of [one, two]) await node.removeNetwork(network);
    expect(await addressRecord(task.address)).toMatchObject({ state: 'resting' });
    await leader.removeNetwork(network);
  },
  TIMEOUT_MS,
);

test(
  'a manager that takes over finds all as it was, and goes on with it',
  async () => {
    const network = await leader.createNetwork({ 'xnet.name': 'shop' });
    const virtual = await leader.give(network);
    const { task, other } = await runEverywhere(network);
    const before = await cluster.entries('addresses/');

    const taken = await second.takeOver(network, [virtual, task.address, other.address]);
    expect(taken).toEqual(network);
    expect(second.pools.get(network.id)).toBe(leader.pools.get(network.id));
    expect(await cluster.entries('addresses/')).toEqual(before);
    // Once more: the first leader is back.
    await leader.takeOver(network, [virtual, task.address, other.address]);
    const next = await second.give(network);
    expect([virtual, task.address, other.address]).not.toContain(next);

    await one.end(task);
    await second.takeBack(network, task.address);
    expect(await addressRecord(task.address)).toMatchObject({ state: 'resting' });
    await two.end(other);
    for (const node of [one, two]) await node.removeNetwork(network);
    await second.removeNetwork(network);
  },
  TIMEOUT_MS,
);

test(
  'a second network with the subnet of the first is refused, and its roll-back takes nothing away',
  async () => {
    const network = await leader.createNetwork({}, '10.77.0.0/24');
    const address = await leader.give(network);
    await expect(leader.createNetwork({}, '10.77.0.0/24')).rejects.toThrow(
      `subnet 10.77.0.0/24 is that of swarm's network ${network.id}; choose another (--subnet)`,
    );
    expect(await addressRecord('10.77.0.1')).toMatchObject({ purpose: 'gateway', hostId: 'cluster' });
    await one.createNetwork(network);
    const task = await one.run(network, address);
    expect(await leader.give(network)).toBe('10.77.0.3');
    await one.end(task);
    await one.removeNetwork(network);
    await leader.removeNetwork(network);
  },
  TIMEOUT_MS,
);

test(
  "what a manager gives back while an endpoint has it is nobody else's before the endpoint goes",
  async () => {
    const network = await leader.createNetwork({}, '10.77.0.0/29');
    const { task, other } = await runEverywhere(network);
    await leader.takeBack(network, task.address);
    expect(await addressRecord(task.address)).toMatchObject({ endpointId: task.endpointId, references: [] });
    const rest = [await leader.give(network), await leader.give(network), await leader.give(network)];
    expect(rest).not.toContain(task.address);
    await expect(leader.give(network)).rejects.toThrow('no address is free');
    await one.end(task);
    expect(await leader.give(network)).toBe(task.address);
    await two.end(other);
    for (const node of [one, two]) await node.removeNetwork(network);
    await leader.removeNetwork(network);
  },
  TIMEOUT_MS,
);

test(
  'two containers with one address: the second is refused, and the first keeps it',
  async () => {
    const network = await leader.createNetwork();
    const { task, other } = await runEverywhere(network);
    await expect(two.run(network, task.address)).rejects.toThrow(/is held by .*start the container again/);
    // The manager of the second attachment gives back what it was given, as swarm cannot know.
    await leader.takeBack(network, task.address);
    expect(await addressRecord(task.address)).toMatchObject({ endpointId: task.endpointId });
    await one.end(task);
    await two.end(other);
    for (const node of [one, two]) await node.removeNetwork(network);
    await leader.removeNetwork(network);
  },
  TIMEOUT_MS,
);

test(
  'a network that swarm has freed stays until the last node is done with it',
  async () => {
    const network = await leader.createNetwork();
    const { task, other } = await runEverywhere(network);
    await leader.removeNetwork(network);
    await one.end(task);
    await one.removeNetwork(network);
    expect(await cluster.records('networks/')).toHaveLength(1);
    expect(await addressRecord(other.address)).toMatchObject({ endpointId: other.endpointId });
    await two.end(other);
    await two.removeNetwork(network);
  },
  TIMEOUT_MS,
);

test(
  'a node whose Docker was restarted creates the network again, and holds its pool once',
  async () => {
    const network = await leader.createNetwork();
    await one.createNetwork(network);
    const task = await one.run(network, await leader.give(network));
    await one.createNetwork(network);
    const references = await cluster.records('pool-references/');
    expect(references.filter(({ hostId }) => hostId !== 'cluster')).toHaveLength(1);
    await one.end(task);
    await one.removeNetwork(network);
    await leader.removeNetwork(network);
  },
  TIMEOUT_MS,
);

test(
  "with swarm's own IPAM, addresses are entered when endpoints take them",
  async () => {
    const [id, subnet, gateway] = [newSwarmId(), '10.0.9.0/24', '10.0.9.1/24'];
    const IPv4Data = [{ AddressSpace: '', Gateway: gateway, Pool: subnet }];
    const request = { NetworkID: id, Options: {}, IPv4Data, IPv6Data: null };
    const answer: Record<string, unknown> = await leader.call('NetworkDriver.AllocateNetwork', request);
    const network = { id, subnet, gateway, options: {}, state: answer.Options as Record<string, string> };
    for (const node of [one, two]) await node.createNetwork(network, 'default');
    const task = await one.run(network, '10.0.9.5');
    await expect(two.run(network, '10.0.9.5')).rejects.toThrow('is held by');
    await one.end(task);
    for (const node of [one, two]) await node.removeNetwork(network);
    await leader.call('NetworkDriver.FreeNetwork', { NetworkID: id });
  },
  TIMEOUT_MS,
);

test(
  'while etcd is away nothing hangs, and what ends then is cleared away after',
  async () => {
    const network = await leader.createNetwork();
    const { task, other } = await runEverywhere(network);
    await cluster.stopStore();
    const startedMs = performance.now();
    await expect(one.end(task)).rejects.toThrow(AWAY);
    const unknown = { NetworkID: newSwarmId(), EndpointID: newSwarmId(), Interface: {}, Options: {} };
    await expect(one.call('NetworkDriver.CreateEndpoint', unknown)).rejects.toThrow(AWAY);
    await expect(leader.give(network)).rejects.toThrow(AWAY);
    expectInTime(performance.now() - startedMs, 3 * REFUSED_MS);
    await cluster.startStore();

    await eventually(async () => {
      expect(await addressRecord(task.address)).not.toHaveProperty('endpointId');
    });
    await two.end(other);
    for (const node of [one, two]) await node.removeNetwork(network);
    await leader.removeNetwork(network);
  },
  TIMEOUT_MS,
);

test(
  'options that cannot be are refused, and nothing is left',
  async () => {
    await expect(leader.createNetwork({ 'xnet.vni': '0' })).rejects.toThrow('option xnet.vni=0 must be');
    await expect(leader.createNetwork({ 'xnet.id': '0123456789ab' })).rejects.toThrow('leave it out');
    await expect(leader.createNetwork({}, '127.0.0.0/24')).rejects.toThrow('127.0.0.0/8');
  },
  TIMEOUT_MS,
);

test(
  'without swarm: a host that was not told of a network of global scope finds it',
  async () => {
    const NetworkID = newSwarmId();
    const pool = await leader.call('IpamDriver.RequestPool', {
      AddressSpace: 'xnet-global',
      Pool: '10.78.0.0/24',
    });
    const { PoolID = '' } = pool;
    const IPv4Data = [{ AddressSpace: 'xnet-global', Gateway: '', Pool: '10.78.0.0/24' }];
    const creation = { NetworkID, Options: {}, IPv4Data, IPv6Data: [] };
    await leader.call('NetworkDriver.CreateNetwork', creation);
    await expect(
      second.call('NetworkDriver.CreateNetwork', { ...creation, NetworkID: newSwarmId() }),
    ).rejects.toThrow(/subnet 10.78.0.0\/24 is that of network/);

    const start = async (docker: Leader) => {
      const { Address = '' } = await docker.call('IpamDriver.RequestAddress', { PoolID, Address: '' });
      const endpoint = { NetworkID, EndpointID: newSwarmId() };
      await docker.call('NetworkDriver.CreateEndpoint', { ...endpoint, Interface: { Address }, Options: {} });
      return { endpoint, address: Address.replace(/\/.*/, '') };
    };
    const started = [await start(leader), await start(second)];
    expect(started.map(({ address }) => address)).toEqual(['10.78.0.2', '10.78.0.3']);
    const unknown = { NetworkID: newSwarmId(), EndpointID: newSwarmId(), Interface: {}, Options: {} };
    await expect(second.call('NetworkDriver.CreateEndpoint', unknown)).rejects.toThrow(
      'knows no Docker network',
    );

    for (const [index, { endpoint, address }] of started.entries()) {
      const docker = [leader, second][index] as Leader;
      await docker.call('NetworkDriver.DeleteEndpoint', endpoint);
      await docker.call('IpamDriver.ReleaseAddress', { PoolID, Address: address });
      expect(await addressRecord(address)).toMatchObject({ state: 'resting' });
    }
    // Docker gives the pool back first, and calls one host alone at the end; the agent of the other unbinds it.
    await leader.call('IpamDriver.ReleasePool', { PoolID });
    for (const docker of [leader, second]) await docker.call('NetworkDriver.DeleteNetwork', { NetworkID });
  },
  TIMEOUT_MS,
);
