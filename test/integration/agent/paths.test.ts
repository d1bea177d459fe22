/** The path between two hosts, as both daemons measure it: real tunnels, real filters, no Docker. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PathAnswer, Status } from '../../../src/admin/status-answer.js';
import { askDaemon } from '../../../src/cli/ask/ask-daemon.js';
import { type Attached, Cluster, type ClusterHost, type Sandbox } from '../../support/daemon/cluster.js';
import { eventually } from '../../support/time/eventually.js';
import { expectInTime } from '../../support/time/in-time.js';

const SUBNET = '10.77.0.0/24';
/** As promised, with the time that a look of the test takes. */
const LOST_MS = 30_000;
const BACK_MS = 15_000;
const TEST_MS = 150_000;

let cluster: Cluster;
const attached: Attached[] = [];
const sandboxes: Sandbox[] = [];

async function statusOf({ daemon }: ClusterHost): Promise<Status> {
  return askDaemon(daemon.adminSocket, 'status', {});
}

/** Undefined also while no daemon answers. */
async function pathOf(host: ClusterHost): Promise<PathAnswer | undefined> {
  const status = await statusOf(host).catch(() => undefined);
  return status?.peers[0]?.path;
}

/** But for Docker's absence, which these hosts have for good. */
async function problemsOf(host: ClusterHost): Promise<string[]> {
  return (await statusOf(host)).problems.filter((problem) => !problem.includes("Docker's API"));
}

/** Resolves to how long it took. */
async function untilBoth(state: PathAnswer['state'], boundMs: number): Promise<number> {
  const from = performance.now();
  for (const host of cluster.hosts)
    await eventually(async () => expect(await pathOf(host)).toMatchObject({ state }), 2 * boundMs, 200);
  return performance.now() - from;
}

beforeAll(async () => {
  cluster = await Cluster.start(2);
  for (const host of cluster.hosts) {
    await host.createNetwork('shop', SUBNET);
    const address = `10.77.0.${10 + attached.length}`;
    const sandbox = await host.createSandbox('box');
    sandboxes.push(sandbox);
    attached.push(await host.attach(sandbox, address));
  }
}, 60_000);

afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

test('passes soon after both have a container, and no host has a problem', async () => {
  await untilBoth('passes', 5_000);
  for (const host of cluster.hosts) {
    expect(await pathOf(host)).toMatchObject({ largest: 1450, needed: 1450 });
    expect(await problemsOf(host)).toEqual([]);
    expect(host.daemon.status().text).toMatch(/alive {2}packets of 1450 bytes pass, round trip [\d.]+ ms/);
  }
});

test(
  'is measured by neither as soon as one of both has no container in the network, and again when it has',
  async () => {
    const [stays, goes] = [cluster.host(1), cluster.host(2)];
    await goes.detach(attached[1] as Attached);
    for (const host of [stays, goes])
      await eventually(async () => {
        const { peers } = await statusOf(host);
        expect(peers).toEqual([expect.objectContaining({ state: 'alive' })]);
        expect(peers[0]?.path).toBeUndefined();
      }, 5_000);
    attached[1] = await goes.attach(sandboxes[1] as Sandbox, '10.77.0.12');
    await untilBoth('passes', 5_000);
  },
  TEST_MS,
);

test(
  'is lost on both within 30 s after one direction is dropped, each says which, and back within 15 s',
  async () => {
    const [sender, receiver] = [cluster.host(1), cluster.host(2)];
    const nft = (rules: string) => receiver.daemon.in('nft', ...rules.split(' '));
    nft('add table inet fw');
    nft('add chain inet fw input { type filter hook input priority 0 ; }');
    nft('add rule inet fw input udp dport 4789 drop');
    expectInTime(await untilBoth('lost', LOST_MS), LOST_MS);
    expect(await problemsOf(sender)).toEqual([
      expect.stringMatching(
        /its packets arrive here, those of this host do not arrive there; let UDP port 4789 pass/,
      ),
    ]);
    expect(await problemsOf(receiver)).toEqual([expect.stringMatching(/none of its packets arrives here/)]);
    nft('delete table inet fw');
    expectInTime(await untilBoth('passes', BACK_MS), BACK_MS);
    for (const host of cluster.hosts) expect(await problemsOf(host)).toEqual([]);
  },
  TEST_MS,
);

test(
  'is narrow on both while the underlay of one takes less',
  async () => {
    const narrow = cluster.host(2).daemon;
    /** As the other hosts know it. */
    const untilMtus = (wanted: readonly number[]) =>
      eventually(async () => {
        const records = await cluster.records('hosts/');
        expect(records.map(({ pathMtu }) => pathMtu).sort()).toEqual(wanted);
      }, 5_000);
    narrow.in('ip', 'link', 'set', 'eth0', 'mtu', '1400');
    await untilMtus([1350, 1450]);
    expectInTime(await untilBoth('narrow', LOST_MS), LOST_MS);
    for (const host of cluster.hosts) {
      expect(await pathOf(host)).toMatchObject({ needed: 1450 });
      // A veth takes a frame that is 4 bytes too long for it, in which a VLAN's tag has room.
      expect([1350, 1354]).toContain((await pathOf(host))?.largest);
      expect(await problemsOf(host)).toEqual([
        expect.stringMatching(
          /packets of more than 135[04] bytes do not pass .* -o com.docker.network.driver.mtu=1350$/,
        ),
      ]);
    }
    narrow.in('ip', 'link', 'set', 'eth0', 'mtu', '1500');
    await untilMtus([1450, 1450]);
    expectInTime(await untilBoth('passes', BACK_MS), BACK_MS);
  },
  TEST_MS,
);

test(
  'is measured again after its namespace, device or entries were removed by hand',
  async () => {
    const { daemon } = cluster.host(1);
    const inPaths = (...command: string[]) => daemon.in('ip', 'netns', 'exec', 'xnet-paths', ...command);
    const vandals = [
      () => daemon.in('ip', 'netns', 'del', 'xnet-paths'),
      () => inPaths('ip', 'link', 'del', 'vxlan0'),
      () => inPaths('ip', 'neigh', 'flush', 'nud', 'permanent', 'dev', 'vxlan0'),
      () => inPaths('ip', 'addr', 'flush', 'dev', 'vxlan0'),
    ];
    for (const harm of vandals) {
      harm();
      await eventually(
        () => expect(inPaths('ping', '-c', '1', '-W', '1', cluster.host(2).vtep)).toBeTruthy(),
        15_000,
      );
      await untilBoth('passes', BACK_MS);
    }
  },
  TEST_MS,
);

test(
  'is not lost by a daemon that dies, nor by one that stays away',
  async () => {
    const [stays, goes] = [cluster.host(1), cluster.host(2)];
    const states = new Set<string | undefined>();
    const watch = setInterval(() => void pathOf(stays).then((path) => states.add(path?.state)), 500);
    goes.daemon.crash();
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    await untilBoth('passes', 5_000);
    await goes.daemon.kill();
    await eventually(async () => expect((await statusOf(stays)).peers[0]?.state).toBe('silent'), 20_000);
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    clearInterval(watch);
    expect([...states]).not.toContain('lost');
    expect(await pathOf(stays)).toBeUndefined();
    await goes.restart();
    await untilBoth('passes', 10_000);
  },
  TEST_MS,
);

test('is measured no more, and leaves nothing behind, when the hosts have no network in common', async () => {
  for (const [index, host] of cluster.hosts.entries()) await host.detach(attached[index] as Attached);
  for (const host of cluster.hosts) await host.removeNetwork();
  await eventually(() => {
    for (const host of cluster.hosts) expect(host.daemon.namespaces()).toEqual(['box']);
  });
});
