import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { XnetError } from '../../../src/errors.js';
import { keys } from '../../../src/model/keys.js';
import { networkRecord } from '../../../src/model/network.js';
import { formatRecord, parseRecord } from '../../../src/model/record.js';
import type { Write } from '../../../src/store/store.js';
import { FakeCluster, type FakeHost, mirroredNames } from '../../support/fake-docker/mirror-hosts.js';
import { replacing } from '../../support/ipam/cluster.js';
import type { MemoryStore } from '../../support/store/memory-store.js';
import { eventually } from '../../support/time/eventually.js';

/** Nothing of any network is left in the store. */
async function expectEmpty(store: MemoryStore): Promise<void> {
  await eventually(async () => {
    for (const prefix of [keys.networks(), keys.bindings(), keys.vnis(), 'names/', 'binding-guards/']) {
      expect((await store.list(prefix)).entries).toEqual([]);
    }
  });
}

/** Does `act` once, when everyone sees a network that this host is about to hear it has made. */
function beforeFirstAnswer(host: FakeHost, act: () => Promise<void>): void {
  host.onCreation = () => {
    host.onCreation = async () => undefined;
    return act();
  };
}

const isNote = (write: Write) => 'put' in write && write.value.includes('"seen"');

describe('the mirror', () => {
  test('puts a network created on one host into every Docker, as it is there', async () => {
    await using cluster = await FakeCluster.start(3);
    const { one, two } = cluster;
    await one.create('shop', {
      internal: true,
      attachable: true,
      ipv6: true,
      labels: { team: 'a' },
      options: { 'xnet.multicast': 'off', 'com.docker.network.enable_ipv4': 'true' },
    });
    await cluster.everywhere('shop');
    const { id: _, options, ipam, ...rest } = one.network('shop');
    const copy = two.network('shop');
    const clusterId = copy.options['xnet.id'];
    expect(copy).toMatchObject(rest);
    expect(copy.options).toEqual({ ...options, 'xnet.id': clusterId });
    expect(copy.ipam).toEqual({ ...ipam, options: { 'xnet.id': clusterId } });
  });

  test("tells the cluster of the host's docker_gwbridge, and refuses networks that overlap one", async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two } = cluster;
    await eventually(() => expect(two.gatewaySubnets()).toHaveLength(2));
    const [{ subnet = '' } = {}] = two.network('docker_gwbridge').ipam.subnets;
    const overlapping = one.create('shop', {
      ipam: { driver: 'default', options: {}, subnets: [{ subnet }] },
    });
    await expect(overlapping).rejects.toThrow(/overlaps docker_gwbridge of host h2/);
    await one.create('shop');
    await cluster.everywhere('shop');
  });

  test("gives the copies of a network with Docker's own IPAM that of xnet, in the same subnet", async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two } = cluster;
    const subnets = [{ subnet: '172.18.0.0/16', gateway: '172.18.0.1' }];
    await one.create('shop', { ipam: { driver: 'default', options: {}, subnets } });
    await cluster.everywhere('shop');
    expect(two.network('shop').ipam).toMatchObject({ driver: 'xnet', subnets });
  });

  test.each([0, 1])('removes everywhere what was removed on one host (host %i)', async (index) => {
    await using cluster = await FakeCluster.start(3);
    await cluster.one.create('shop');
    await cluster.everywhere('shop');
    await cluster.hosts[index]?.remove('shop');
    await cluster.everywhere();
    await expectEmpty(cluster.store);
  });

  test('removes everywhere a copy that was removed before the store knew that Docker has it', async () => {
    await using cluster = await FakeCluster.start(1);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = replacing(cluster.store, {
      commit: async (conditions, writes) => {
        if (writes.some(isNote)) await held;
        return cluster.store.commit(conditions, writes);
      },
    });
    const two = await cluster.addHost(slow);
    await cluster.one.create('shop');
    await cluster.everywhere('shop');
    await two.remove('shop');
    release();
    await cluster.everywhere();
    await expectEmpty(cluster.store);
  });

  test('removes everywhere a copy that was removed before Docker had answered its creation', async () => {
    await using cluster = await FakeCluster.start(3);
    const { one, two, store } = cluster;
    beforeFirstAnswer(two, async () => {
      await two.remove('shop');
    });
    await one.create('shop');
    await cluster.everywhere();
    await expectEmpty(store);
  });

  test('has the name free for the user who removed a copy before Docker had answered its creation', async () => {
    await using cluster = await FakeCluster.start(3);
    const { one, two } = cluster;
    beforeFirstAnswer(two, async () => {
      await two.remove('shop');
      await two.create('shop', { labels: { made: 'anew' } });
    });
    await one.create('shop');
    await eventually(() => {
      for (const host of cluster.hosts) expect(host.network('shop').labels).toEqual({ made: 'anew' });
    });
    await cluster.everywhere('shop');
  });

  test.each(['one', 'two'] as const)(
    'removes everywhere a network whose guard the store has lost, removed on host %s',
    async (host) => {
      await using cluster = await FakeCluster.start(3);
      await cluster.one.create('shop');
      await cluster.everywhere('shop');
      await eventually(async () => {
        const bindings = (await cluster.store.list(keys.bindings())).entries;
        expect(bindings.filter(({ value }) => value.includes('"seen"'))).toHaveLength(3);
      });
      await cluster.store.commit([], [{ removePrefix: keys.bindingGuards() }]);
      await cluster[host].remove('shop');
      await cluster.everywhere();
      await expectEmpty(cluster.store);
    },
  );

  test('takes the binding away with a Docker network whose network the store has lost', async () => {
    await using cluster = await FakeCluster.start(1);
    await cluster.one.create('shop');
    await eventually(async () => expect(await mirroredNames(cluster.store)).toEqual(['shop']));
    const gone = [keys.networks(), keys.vnis(), keys.names(), keys.bindingGuards()];
    await cluster.store.commit(
      [],
      gone.map((removePrefix) => ({ removePrefix })),
    );
    await cluster.one.remove('shop');
    await expectEmpty(cluster.store);
  });

  test('keeps a network of which Docker took the creation of a copy back', async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two } = cluster;
    beforeFirstAnswer(two, async () => {
      await two.remove('shop');
      throw new XnetError('DOCKER', 'cannot be kept');
    });
    await one.create('shop');
    await cluster.everywhere('shop');
    expect(two.problems).toEqual([]);
  });

  test('repeats a step that has no effect at growing pauses', async () => {
    await using cluster = await FakeCluster.start(1);
    let notes = 0;
    const deaf = replacing(cluster.store, {
      commit: async (conditions, writes) => {
        if (!writes.some(isNote)) return cluster.store.commit(conditions, writes);
        notes += 1;
        return { committed: true, revision: 1 };
      },
    });
    const host = await cluster.addHost(deaf);
    await host.create('shop', { options: { 'xnet.mirror': 'off' } });
    await pause(1_000);
    expect(notes).toBeGreaterThan(1);
    expect(notes).toBeLessThan(10);
  });

  test('does not remove anew what it was removing when the removal was undone', async () => {
    await using cluster = await FakeCluster.start(3);
    const { one, two, three, store } = cluster;
    await one.create('shop');
    await cluster.everywhere('shop');
    await new Promise((resolve) => setTimeout(resolve, 50));
    three.answerApi(false);
    const before = two.network('shop').id;
    two.onRemoval = async () => {
      two.onRemoval = async () => undefined;
      await three.attach('shop');
      await eventually(async () => expect(await mirroredNames(store)).toEqual(['shop']));
      await three.detachAll();
    };
    await one.remove('shop');
    await eventually(() => expect(two.network('shop').id).not.toBe(before));
    three.answerApi(true);
    await cluster.everywhere('shop');
  });

  test('undoes the removal of a network that containers of another host use', async () => {
    await using cluster = await FakeCluster.start(3);
    const { one, two } = cluster;
    await one.create('shop');
    await cluster.everywhere('shop');
    await two.attach('shop');
    const before = one.network('shop').id;
    await one.remove('shop');
    await cluster.everywhere('shop');
    expect(one.network('shop').id).not.toBe(before);
    await two.detachAll();
    await two.remove('shop');
    await cluster.everywhere();
    await expectEmpty(cluster.store);
  });

  for (const hasRun of [true, false]) {
    test(`undoes the removal of a network to which a container of another host belongs that ${hasRun ? 'has ended' : 'never ran'}`, async () => {
      await using cluster = await FakeCluster.start(3);
      const { one, two, three } = cluster;
      await one.create('shop');
      await cluster.everywhere('shop');
      const { id } = two.network('shop');
      const container = two.rest('shop', { hasRun });
      await one.remove('shop');
      await eventually(() => expect(one.names()).toEqual(['shop']));
      await cluster.everywhere('shop');
      expect(two.network('shop').id).toBe(id);
      expect(two.canStart(container)).toBe(true);
      two.removeResting();
      await three.remove('shop');
      await cluster.everywhere();
    });
  }

  test('lets a host that was away keep the network of its containers for itself when its name is taken, and says so', async () => {
    await using cluster = await FakeCluster.start(3);
    const { one, two } = cluster;
    await one.create('shop');
    await cluster.everywhere('shop');
    const container = two.rest('shop', { hasRun: true });
    await two.stopXnet();
    await one.remove('shop');
    await one.create('shop');
    await eventually(async () => expect(await mirroredNames(cluster.store)).toEqual(['shop']));
    await two.startXnet();
    await eventually(() =>
      expect(two.problems).toEqual([expect.stringMatching(/network shop of the cluster is not on/)]),
    );
    expect(two.canStart(container)).toBe(true);
    expect(one.problems).toEqual([]);
  });

  test('connects the containers of the host that removed a network to the one that it gets back', async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two } = cluster;
    await one.create('shop');
    await cluster.everywhere('shop');
    const container = one.rest('shop', { hasRun: true });
    await two.attach('shop');
    await one.remove('shop');
    await eventually(() => expect(one.canStart(container)).toBe(true));
  });

  test('binds a network that a user removed and created again, with another label, to the one that other hosts kept', async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two } = cluster;
    const ipam = { driver: 'xnet', options: {}, subnets: [{ subnet: '10.9.0.0/24' }] };
    await one.create('shop', { ipam, labels: { team: 'a' } });
    await cluster.everywhere('shop');
    const kept = two.network('shop').id;
    await two.attach('shop');
    await one.remove('shop');
    const created = await one.create('shop', { ipam, labels: { team: 'b' } });
    const container = one.rest('shop', { hasRun: true });
    await eventually(async () => expect((await cluster.store.list(keys.networks())).entries).toHaveLength(1));
    expect([one.network('shop').id, two.network('shop').id]).toEqual([created, kept]);
    expect(one.canStart(container)).toBe(true);
    const host = await cluster.addHost();
    await cluster.everywhere('shop');
    expect(host.network('shop').labels).toEqual({ team: 'b' });
  });

  test('does so as often as it is removed and created again', async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two } = cluster;
    const ipam = { driver: 'xnet', options: {}, subnets: [{ subnet: '10.9.0.0/24' }] };
    await one.create('shop', { ipam });
    await cluster.everywhere('shop');
    await two.attach('shop');
    for (const team of ['b', 'c', 'd']) {
      await one.remove('shop');
      await one.create('shop', { ipam, labels: { team } });
      await eventually(async () =>
        expect((await cluster.store.list(keys.networks())).entries).toHaveLength(1),
      );
      expect(one.network('shop').labels).toEqual({ team });
    }
    expect([...one.problems, ...two.problems]).toEqual([]);
  });

  test('puts the network that other hosts kept in the place of one with another subnet, created after its removal', async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two } = cluster;
    await one.create('shop');
    await cluster.everywhere('shop');
    await two.attach('shop');
    await one.remove('shop');
    const created = await one.create('shop', { labels: { team: 'b' } });
    const container = one.rest('shop', { hasRun: false });
    await expect(one.attach('shop')).rejects.toThrow(/takes the place of the one that was created here/);
    await eventually(() => expect(one.network('shop').id).not.toBe(created));
    expect(one.network('shop').labels).toEqual({ team: 'b' });
    expect(one.canStart(container)).toBe(true);
    await one.attach('shop');
    await eventually(() => expect(one.problems).toEqual([]));
  });

  test('gives a network that is removed and created anew its name at once, where no other host uses the former', async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two } = cluster;
    await one.create('shop');
    await cluster.everywhere('shop');
    const former = two.network('shop').id;
    await one.remove('shop');
    const created = await one.create('shop');
    await one.attach('shop');
    await eventually(() => expect(two.network('shop').id).not.toBe(former));
    expect(one.network('shop').id).toBe(created);
    expect([...one.problems, ...two.problems]).toEqual([]);
  });

  test.each([
    ['subnets of their own', {}],
    ['one subnet', { ipam: { driver: 'xnet', options: {}, subnets: [{ subnet: '10.9.0.0/24' }] } }],
  ])('ends with one network when two hosts create the same name at once, with %s', async (_what, given) => {
    await using cluster = await FakeCluster.start(3);
    await Promise.all(cluster.hosts.slice(0, 2).map((host) => host.create('shop', given)));
    await cluster.everywhere('shop');
    await eventually(async () => {
      const { entries } = await cluster.store.list(keys.networks());
      expect(entries).toHaveLength(1);
      const subnets = cluster.hosts.map((host) => host.network('shop').ipam.subnets);
      expect(new Set(subnets.map((each) => JSON.stringify(each))).size).toBe(1);
    });
  });

  test('replaces the second of two networks of one name with a container that has not run: it starts in the copy', async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two } = cluster;
    two.answerApi(false);
    const created = await two.create('shop');
    const container = two.rest('shop', { hasRun: false });
    await one.create('shop');
    await eventually(async () => expect((await cluster.store.list('names/')).entries).toHaveLength(1));
    two.answerApi(true);
    await eventually(() => expect(two.network('shop').id).not.toBe(created));
    expect(two.canStart(container)).toBe(true);
    await eventually(() => expect(two.problems).toEqual([]));
  });

  test('refuses a container in the second of two networks of one name until the first has its place', async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two } = cluster;
    const createAndStart = async (host: FakeHost) => {
      await host.create('shop');
      return host.attach('shop').catch(String);
    };
    const outcomes = await Promise.all([createAndStart(one), createAndStart(two)]);
    expect(outcomes.filter((text) => text.includes('takes the place of the one'))).toHaveLength(1);
    for (const host of [one, two]) await eventually(() => host.attach('shop'));
    await eventually(async () => expect((await cluster.store.list(keys.networks())).entries).toHaveLength(1));
    expect([...one.problems, ...two.problems]).toEqual([]);
  });

  test('reports the second of two networks of one name when it is in use, and replaces it when that ends', async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two } = cluster;
    two.answerApi(false);
    await two.create('shop');
    await two.attach('shop');
    await one.create('shop');
    await eventually(async () => expect((await cluster.store.list('names/')).entries).toHaveLength(1));
    two.answerApi(true);
    await eventually(async () => expect(two.problems.join()).toContain('created on two hosts at once'));
    expect(two.network('shop').options['xnet.id']).toBeUndefined();
    await two.detachAll();
    await eventually(async () => expect(two.network('shop').options['xnet.id']).toBeDefined());
    await eventually(async () => expect(two.problems).toEqual([]));
  });

  test('leaves a name alone that something else holds, says so, and makes the network when it is free', async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two } = cluster;
    await two.create('shop', { driver: 'bridge' });
    await one.create('shop');
    await eventually(async () => expect(two.problems.join()).toContain('held by Docker network'));
    expect(two.network('shop').driver).toBe('bridge');
    await two.remove('shop');
    await cluster.everywhere('shop');
    await eventually(async () => expect(two.problems).toEqual([]));
  });

  test('keeps networks with xnet.mirror=off or a binding of their own where they are created', async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two } = cluster;
    await one.create('tied', { options: { 'xnet.name': 'other' } });
    await one.create('private', { options: { 'xnet.mirror': 'off' } });
    await one.create('shop', { options: { 'xnet.mirror': 'on' } });
    await eventually(async () => expect(two.names()).toEqual(['shop']));
    expect(one.names()).toEqual(['private', 'shop', 'tied']);
    expect(await mirroredNames(cluster.store)).toEqual(['shop']);
  });

  test('lets a host catch up on what was created and removed while it was away', async () => {
    await using cluster = await FakeCluster.start(3);
    const { one, two, three } = cluster;
    await one.create('old');
    await one.create('mine');
    await cluster.everywhere('mine', 'old');
    await new Promise((resolve) => setTimeout(resolve, 50));
    await three.stopXnet();
    await one.remove('old');
    await three.remove('mine');
    await two.create('new');
    await eventually(async () => expect(one.names()).toEqual(['mine', 'new']));
    // The name of a removed network is free at once, though a host still has it.
    await two.create('old');
    await eventually(async () => expect(one.names()).toEqual(['mine', 'new', 'old']));
    const { subnets } = two.network('old').ipam;
    await three.startXnet();
    await cluster.everywhere('new', 'old');
    await eventually(async () => expect(three.network('old').ipam.subnets).toEqual(subnets));
  });

  test('makes everything again for a Docker that lost its data, and removes nothing elsewhere', async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two } = cluster;
    await one.create('shop');
    await one.create('bank');
    await cluster.everywhere('bank', 'shop');
    await new Promise((resolve) => setTimeout(resolve, 50));
    one.wipeDocker();
    expect(one.names()).toEqual([]);
    await eventually(async () => expect(one.names()).toEqual(['bank', 'shop']));
    expect(two.names()).toEqual(['bank', 'shop']);
  });

  test('goes on beside records that it cannot read, of a newer xnet for instance', async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two, store } = cluster;
    await one.create('shop');
    await cluster.everywhere('shop');
    const [network] = (await store.list(keys.networks())).entries;
    const networkId = network?.key.slice(keys.networks().length) as string;
    const value = '{"version":2}';
    const unreadable = [
      keys.network('0'.repeat(12)),
      keys.endpoint(networkId, 'e'),
      keys.binding('n', two.id, 'd'),
    ];
    await store.commit(
      [],
      unreadable.map((put) => ({ put, value })),
    );
    await one.remove('shop');
    await one.create('bank');
    // The network has an endpoint, whatever that may be.
    await cluster.everywhere('bank', 'shop');
    await store.commit([], [{ remove: keys.endpoint(networkId, 'e') }]);
    await two.remove('shop');
    await cluster.everywhere('bank');
    for (const key of unreadable)
      if (!key.startsWith('endpoints/')) expect(await store.get(key)).toBeDefined();
  });

  test('says so when an unreadable network has the name of one to be mirrored', async () => {
    await using cluster = await FakeCluster.start(1);
    const { one, store } = cluster;
    const id = '0'.repeat(12);
    await store.commit(
      [],
      [
        { put: keys.network(id), value: '{"version":2}' },
        { put: keys.name('shop'), value: id },
      ],
    );
    await one.create('shop');
    await eventually(() => expect(one.problems.join()).toContain('cannot mirror network shop: another'));
    await store.commit([], [{ remove: keys.network(id) }, { remove: keys.name('shop') }]);
    await eventually(() => expect(one.problems).toEqual([]));
    expect(await mirroredNames(store)).toEqual(['shop']);
  });

  test('says so when it cannot look, for another reason than that Docker or the store is away', async () => {
    await using cluster = await FakeCluster.start(1);
    const { one } = cluster;
    const { listNetworks } = one;
    one.listNetworks = async () => {
      throw new Error('beyond the plan');
    };
    await eventually(() => expect(one.problems.join()).toContain('cannot compare the networks'));
    one.listNetworks = listNetworks;
    await eventually(() => expect(one.problems).toEqual([]));
  });

  test('copies a network that an earlier xnet made with options that are refused today', async () => {
    await using cluster = await FakeCluster.start(1);
    await cluster.one.create('shop');
    await eventually(async () => expect(await mirroredNames(cluster.store)).toEqual(['shop']));
    const [entry] = (await cluster.store.list(keys.networks())).entries;
    const { mirror, ...record } = parseRecord(networkRecord, entry!);
    const earlier = { ...record, mirror: { ...mirror!, options: { encrypted: '' } } };
    await cluster.store.commit([], [{ put: entry!.key, value: formatRecord(earlier) }]);
    const two = await cluster.addHost();
    await cluster.everywhere('shop');
    expect(two.network('shop').options).toMatchObject({ encrypted: '' });
    const options = { 'com.docker.network.bridge.name': 'br9' };
    await expect(two.create('other', { options })).rejects.toThrow(/bridge networks/);
  });

  test('reports two networks of one subnet that two hosts created at the same moment', async () => {
    await using cluster = await FakeCluster.start(2);
    const { one, two } = cluster;
    const given = { ipam: { driver: 'xnet', options: {}, subnets: [{ subnet: '10.9.0.0/24' }] } };
    await Promise.all([one.create('blue', given), two.create('green', given)]);
    await cluster.everywhere('blue', 'green');
    const report = expect.stringMatching(
      /networks blue and green were created with one subnet, 10\.9\.0\.0\/24/,
    );
    await eventually(() => {
      for (const host of cluster.hosts) expect(host.problems).toEqual([report]);
    });
    await expect(one.create('red', given)).rejects.toThrow(/10\.9\.0\.0\/24 is that of network (blue|green)/);
    await one.remove('green');
    await eventually(() => expect(two.problems).toEqual([]));
  });

  test('gives a host that joins later every network', async () => {
    await using cluster = await FakeCluster.start(2);
    await cluster.one.create('shop');
    await cluster.everywhere('shop');
    await cluster.addHost();
    await cluster.everywhere('shop');
  });
});
