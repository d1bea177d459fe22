import { expect } from '@jest/globals';
import {
  createMirroredNetwork,
  createSharedNetwork,
  runContainer,
} from '../support/containers/containers.js';
import {
  createEverywhere,
  createNetwork,
  describeNetwork,
  expectEverywhere,
  expectNoProblem,
  expectProblem,
  expectSubnetEverywhere,
  expectTraffic,
  inspectNetwork,
} from '../support/containers/networks.js';
import type { Engine, Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';
import { expectInTime } from '../support/time/in-time.js';
import { countLost } from '../support/traffic/ping.js';

const ENGINES: readonly Engine[] = ['28', '20.10'];

/** Milliseconds from a network's creation on h1 until it is on all the other hosts, by the events of their Docker. */
async function timeToAppear(lab: Lab, name: string): Promise<number> {
  const since = Date.now();
  await createMirroredNetwork(lab, name);
  const hosts = lab.hosts.map((host) => creationTime(lab, host, { since, until: Date.now() + 1_000 }));
  const [created = 0, ...copied] = await Promise.all(hosts);
  return Math.max(...copied) - created;
}

/** When Docker on the host created the only network of that time: all in milliseconds since 1970. */
async function creationTime(
  lab: Lab,
  host: string,
  { since, until }: { since: number; until: number },
): Promise<number> {
  const time = ['--since', `${since / 1000}`, '--until', `${until / 1000}`];
  const only = ['--filter', 'type=network', '--filter', 'event=create', '--format', '{{.TimeNano}}'];
  return Number(await lab.docker(host, 'events', ...time, ...only)) / 1_000_000;
}

async function xnetLogs(lab: Lab): Promise<string> {
  return (await Promise.all(lab.hosts.map((host) => lab.run(['logs', host, 'xnet'])))).join('\n');
}

for (const engine of ENGINES) {
  describeInLab(`mirror, Docker ${engine}`, { hosts: 3, engine }, (test) => {
    test('a network created on one host is on every other, as it was created, and carries traffic', async (lab) => {
      const ipv4 = ['--subnet', '10.50.0.0/24', '--gateway', '10.50.0.7', '--ip-range', '10.50.0.128/25'];
      const ipv6 = ['--ipv6', '--subnet', 'fd50::/64', '--aux-address', 'printer=10.50.0.9'];
      const more = ['--internal', '--attachable', '--label', 'team=a', '--label', 'note=a b, "c"'];
      const options = ['-o', 'xnet.multicast=off', '-o', 'com.docker.network.driver.mtu=1400'];
      await createNetwork(lab, 'h1', 'shop', ...ipv4, ...ipv6, ...more, ...options);
      await expectEverywhere(lab, ['shop']);
      const created = await describeNetwork(lab, 'h1', 'shop');
      expect(created).toMatchObject({ Internal: true, Attachable: true, EnableIPv6: true });
      for (const host of ['h2', 'h3']) expect(await describeNetwork(lab, host, 'shop')).toEqual(created);
      await expectTraffic(lab, 'shop', ['h1', 'h2']);
      await expectTraffic(lab, 'shop', ['h3', 'h2']);
    });

    test('one created without options is on every other within a second', async (lab) => {
      const times: number[] = [];
      for (const name of ['one', 'two', 'three', 'four', 'five']) times.push(await timeToAppear(lab, name));
      expectInTime(Number(times.sort((one, other) => one - other)[2]), 1000);
    });

    test('one removed on a host where it was not created is gone from all, and its name is free', async (lab) => {
      await createEverywhere(lab, 'h1', 'shop', '--subnet', '10.51.0.0/24');
      await lab.docker('h3', 'network', 'rm', 'shop');
      await createNetwork(lab, 'h3', 'shop', '--subnet', '10.52.0.0/24');
      await expectSubnetEverywhere(lab, 'shop', '10.52.0.0/24');
    });

    test('a removal while containers of other hosts use the network is undone, which the log explains; they notice nothing', async (lab) => {
      const id = await createEverywhere(lab, 'h1', 'shop');
      const [two, three] = await Promise.all([
        runContainer(lab, 'h2', 'shop', { name: 'two' }),
        runContainer(lab, 'h3', 'shop', { name: 'three' }),
      ]);
      const lost = await countLost(two, await three.address(), async () => {
        await lab.docker('h1', 'network', 'rm', 'shop');
        await eventually(async () => expect((await inspectNetwork(lab, 'h1', 'shop')).Id).not.toBe(id));
        const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
        expect(await one.greetOverTcp(await two.address())).toBe('two');
        expect(await three.greetOverTcp(await one.address())).toBe('one');
      });
      expect(lost).toBe(0);
      const undone = (await xnetLogs(lab)).split('\n').find((line) => line.includes('removal of a network'));
      expect(undone).toMatch(/is undone: containers use it.*"name":"shop"/);
      expect(undone).toMatch(/"hosts":\["h[23]","h[23]"\]/);
    });

    test('hosts that create one name at the same moment end with one network', async (lab) => {
      for (const name of ['one', 'two', 'three', 'four']) {
        await Promise.allSettled(lab.hosts.map((host) => createNetwork(lab, host, name)));
        await eventually(async () => {
          const parts = await Promise.all(lab.hosts.map((host) => describeNetwork(lab, host, name)));
          for (const part of parts) expect(part).toEqual(parts[0]);
        });
      }
      await expectTraffic(lab, 'four', ['h1', 'h2']);
      for (const host of lab.hosts) await expectNoProblem(lab, host);
    });

    test('a name that something else holds is reported and left alone until it is free', async (lab) => {
      const id = await lab.docker('h2', 'network', 'create', 'shop');
      await createNetwork(lab, 'h1', 'shop');
      await expectProblem(lab, 'h2', /network shop of the cluster is not on this host.*driver bridge/);
      expect(await inspectNetwork(lab, 'h2', 'shop')).toMatchObject({ Id: id, Driver: 'bridge' });
      await expectEverywhere(lab, ['shop'], ['h1', 'h3']);
      await lab.docker('h2', 'network', 'rm', 'shop');
      await expectEverywhere(lab, ['shop']);
      await expectNoProblem(lab, 'h2');
    });

    test('xnet.mirror=off and xnet.name keep a network to the hosts that create it', async (lab) => {
      await createNetwork(lab, 'h1', 'private', '-o', 'xnet.mirror=off');
      await createSharedNetwork(lab, 'tied', [], ['h1', 'h2']);
      await createNetwork(lab, 'h1', 'common');
      await expectEverywhere(lab, ['common', 'private', 'tied'], ['h1']);
      await expectEverywhere(lab, ['common', 'tied'], ['h2']);
      await expectEverywhere(lab, ['common'], ['h3']);
      await expectTraffic(lab, 'tied', ['h1', 'h2']);
    });
  });
}
