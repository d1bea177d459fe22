/** A network of many endpoints on the real kernel: joined, changed while it is filled, and left in the midst. */
import { expect, test } from '@jest/globals';
import { NetworkFollower } from '../../../src/agent/forwarding/network-follower.js';
import { HostsView } from '../../../src/agent/hosts/hosts-view.js';
import type { ForwardingChange, NetworkSpec } from '../../../src/dataplane/dataplane.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { Netns } from '../../support/kernel/netns.js';
import { type Container, type TestHost, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { muteLogger } from '../../support/loggers.js';
import { commitAll, endpointOf, endpointPut } from '../../support/store/many-endpoints.js';
import { MemoryStore } from '../../support/store/memory-store.js';
import { eventually } from '../../support/time/eventually.js';

/** Of hosts that are in the store alone. */
const OTHERS = 100;
const otherOf = (n: number) => `h${3 + (n % OTHERS)}`;
const vtepOf = (hostId: string) => `10.99.1.${hostId.slice(1)}`;

/** Two hosts, h1 of which follows a network, and a cluster in whose store there are `count` endpoints on many hosts. */
class LargeNetwork implements AsyncDisposable {
  /** What each step of the filling has done. */
  readonly steps: ForwardingChange[] = [];
  /** Called after each. */
  onStep: (change: ForwardingChange) => Promise<unknown> = async () => undefined;
  readonly follower: NetworkFollower;
  readonly host: TestHost;

  private constructor(
    readonly underlay: TestUnderlay,
    readonly store: MemoryStore,
    private readonly replica: Replica,
    private readonly hosts: HostsView,
    readonly network: NetworkSpec,
  ) {
    const host = underlay.hosts[0] as TestHost;
    const { dataplane } = host;
    const setForwarding: typeof dataplane.setForwarding = async (...of) => {
      const change = await dataplane.setForwarding(...of);
      this.steps.push(change);
      await this.onStep(change);
      return change;
    };
    const kernel = { ensureNetwork: (spec: NetworkSpec) => dataplane.ensureNetwork(spec), setForwarding };
    const parts = { replica, hosts, hostId: 'h1', logger: muteLogger, changed() {} };
    this.follower = new NetworkFollower({ ...parts, dataplane: kernel });
    this.host = host;
  }

  static async create(count: number): Promise<LargeNetwork> {
    const underlay = await TestUnderlay.create(2);
    const store = new MemoryStore();
    const network = underlay.network(underlay.hosts[0] as TestHost, 'shop');
    const vteps = new Map(Array.from({ length: OTHERS }, (_, n) => [otherOf(n), vtepOf(otherOf(n))]));
    underlay.hosts.forEach(({ vtep }, i) => {
      vteps.set(`h${i + 1}`, vtep);
    });
    const hosts = [...vteps].map(([id, vtep]) => ({
      put: keys.host(id),
      value: formatRecord({ version: 1, id, name: id, vtep, vxlanPort: 4789, xnetVersion: '0' }),
    }));
    const endpoints = Array.from({ length: count }, (_, i) =>
      endpointPut(endpointOf(network.id, i + 1, otherOf(i + 1))),
    );
    await commitAll(store, [...hosts, ...endpoints]);
    const replica = new Replica(store, new RecordReader(muteLogger));
    const view = new HostsView(replica);
    await view.ready();
    return new LargeNetwork(underlay, store, replica, view, network);
  }

  /** In place of endpoint `n`, a container on the second host. */
  async container(n: number): Promise<Container> {
    const second = this.underlay.hosts[1] as TestHost;
    const container = await this.underlay.container(second, this.underlay.network(second, 'shop'), [
      `${addressOf(n)}/8`,
    ]);
    const record = endpointOf(this.network.id, n, 'h2');
    await this.put({ ...record, mac: container.endpoint.mac });
    return container;
  }

  put(record: ReturnType<typeof endpointOf>) {
    return this.store.commit([], [endpointPut(record)]);
  }

  remove(n: number) {
    return this.store.commit([], [{ remove: keys.endpoint(this.network.id, this.of(n).id) }]);
  }

  of(n: number) {
    return endpointOf(this.network.id, n, otherOf(n));
  }

  /** MAC -> VTEP in the kernel, and how many neighbours there are. */
  async inKernel() {
    const namespace = Netns.of(`xnet-${this.network.id}`);
    const fdb = (await namespace.bridge('fdb show dev vxlan0')).split('\n');
    const neighbours = (await namespace.ip('neigh show nud permanent dev br0')).trim().split('\n');
    const sent = fdb.flatMap((line) => {
      const [, mac, vtep] = /^(\S+) dst (\S+) /.exec(line) ?? [];
      return mac && vtep && mac !== '00:00:00:00:00:00' ? [[mac, vtep] as const] : [];
    });
    const bridged = fdb.filter((line) => / master br0 static/.test(line)).length;
    return { vteps: new Map(sent), bridged, neighbours: neighbours.length };
  }

  async [Symbol.asyncDispose]() {
    await this.follower[Symbol.asyncDispose]();
    await this.hosts[Symbol.asyncDispose]();
    await this.replica[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
    await this.underlay[Symbol.asyncDispose]();
  }
}

const addressOf = (n: number) => endpointOf('', n, '').addresses[0] as string;

test('of 10,000 endpoints any is reached when it is joined, and one more costs its own entries', async () => {
  const COUNT = 10_000;
  await using large = await LargeNetwork.create(COUNT);
  const { underlay, host, network, follower, steps } = large;
  const last = await large.container(COUNT);
  const first = await underlay.container(host, network, ['10.200.0.1/8']);
  const back = new Map([[first.endpoint.id, { mac: first.endpoint.mac, addresses: first.addresses }]]);
  await last.host.dataplane.setForwarding(
    last.network.id,
    new Map([...back].map(([id, remote]) => [id, { ...remote, vtep: host.vtep, since: 1 }])),
  );
  await follower.follow(network);
  expect(await first.netns.reaches(addressOf(COUNT), 1)).toBe(true);
  const { vteps, bridged, neighbours } = await large.inKernel();
  expect({ vteps: vteps.size, bridged, neighbours }).toEqual({
    ...{ vteps: COUNT, bridged: COUNT, neighbours: COUNT },
  });
  expect(Math.max(...steps.map(({ added }) => added))).toBeLessThanOrEqual(1_000);

  steps.length = 0;
  await large.put(large.of(COUNT + 1));
  await eventually('the change has arrived', () => steps.some(({ added }) => added > 0));
  expect(steps.filter(({ added }) => added > 0)).toEqual([{ added: 2, removed: 0, left: 0 }]);
}, 180_000);

test('what changes while it is filled is right in the end, and other work on it does not wait for the end', async () => {
  const COUNT = 4_000;
  await using large = await LargeNetwork.create(COUNT);
  const { host, network, follower, steps } = large;
  await host.dataplane.ensureNetwork(network);
  const endpoint = { id: 'e'.repeat(64), mac: '02:00:00:00:00:01' };
  let attachedWith: number | undefined;
  let repairs: unknown;
  large.onStep = async () => {
    if (steps.length > 1) return;
    // The first entries are in the kernel by now, the last are not.
    await large.put({ ...large.of(2), hostId: 'h2' });
    await large.put({ ...large.of(COUNT), hostId: 'h2' });
    await large.remove(1);
    await large.remove(COUNT - 1);
    void host.dataplane.ensureEndpoint(network, endpoint).then(() => {
      attachedWith = steps.at(-1)?.left;
    });
    repairs = (await host.dataplane.repairNetwork(network.id, () => [])).repairs;
  };
  await follower.follow(network);
  await eventually('all has arrived', () => steps.at(-1)?.left === 0 && attachedWith !== undefined);
  expect(repairs).toEqual([]);
  expect(attachedWith).toBeGreaterThan(0);
  const { vteps, bridged, neighbours } = await large.inKernel();
  expect({ bridged, neighbours }).toEqual({ bridged: COUNT - 2, neighbours: COUNT - 2 });
  const second = (large.underlay.hosts[1] as TestHost).vtep;
  const expected = Array.from({ length: COUNT }, (_, i) => large.of(i + 1))
    .map(({ mac, hostId }, i) => [mac, [2, COUNT].includes(i + 1) ? second : vtepOf(hostId)] as const)
    .filter((_, i) => ![1, COUNT - 1].includes(i + 1));
  expect(vteps).toEqual(new Map(expected));
  const local = [{ ...endpoint, interfaceAddresses: [] }];
  expect(await host.dataplane.repairNetwork(network.id, () => local)).toMatchObject({ repairs: [] });
}, 120_000);

test('a network that is given up while it is filled goes at once, and nothing of it is left', async () => {
  await using large = await LargeNetwork.create(4_000);
  const { host, network, follower, steps } = large;
  let unfollowed: Promise<void> | undefined;
  large.onStep = async () => {
    unfollowed ??= follower.unfollow(network.id);
  };
  await follower.follow(network);
  await unfollowed;
  expect(steps).toMatchObject([{ added: 1_000 }]);
  await host.dataplane.removeNetwork(network.id);
  expect(await host.dataplane.listNetworks()).not.toContainEqual(expect.objectContaining({ id: network.id }));
  expect(follower.failures).toEqual([]);
}, 120_000);
