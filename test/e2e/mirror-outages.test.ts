import { expect } from '@jest/globals';
import { createSharedNetwork, runContainer } from '../support/containers/containers.js';
import {
  createEverywhere,
  createNetwork,
  describeNetwork,
  expectEverywhere,
  expectNoProblem,
  expectProblem,
  expectSubnetEverywhere,
  expectTraffic,
  listNetworks,
} from '../support/containers/networks.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

/** By which Docker's answers reach xnet so late that a user has long seen what they tell. */
const LATE_DOCKER = { socket: '/run/late-docker.sock', ms: '1500' };

// h2 has another Docker version than h1 and h3, so that each outage is tried on either.
describeInLab('mirror, outages', { hosts: 3, engines: { h2: '20.10' } }, (test) => {
  test(
    'a host whose xnet was down catches up, both ways',
    async (lab) => {
      for (const name of ['kept', 'theirs', 'ours']) await createEverywhere(lab, 'h1', name);
      await lab.xnet('h3', 'kill');
      await createNetwork(lab, 'h2', 'new');
      await lab.docker('h1', 'network', 'rm', 'theirs');
      await lab.docker('h3', 'network', 'rm', 'ours');
      await expectEverywhere(lab, ['kept', 'new', 'ours'], ['h1', 'h2']);
      await lab.xnet('h3', 'start');
      await expectEverywhere(lab, ['kept', 'new']);
      await expectTraffic(lab, 'new', ['h3', 'h1']);
    },
    { timeoutMs: 180_000 },
  );

  test(
    'a host that was cut off, and one that was rebooted, catch up',
    async (lab) => {
      await createEverywhere(lab, 'h1', 'old');
      await lab.run(['partition', 'h3']);
      await createNetwork(lab, 'h1', 'new');
      await lab.docker('h1', 'network', 'rm', 'old');
      await expectEverywhere(lab, ['new'], ['h1', 'h2']);
      await lab.run(['heal', 'h3']);
      await expectEverywhere(lab, ['new']);
      await lab.run(['reboot', 'h2']);
      await createNetwork(lab, 'h1', 'newer');
      await expectEverywhere(lab, ['new', 'newer']);
      await expectTraffic(lab, 'newer', ['h2', 'h3']);
    },
    { timeoutMs: 180_000, logsErrors: true },
  );

  test('a host that joins later gets every network', async (lab) => {
    await lab.xnet('h3', 'stop');
    await lab.in('h3', 'sh', '-c', 'rm -r /var/lib/xnet/*');
    await createNetwork(lab, 'h1', 'shop', '--label', 'team=a');
    await lab.xnet('h3', 'start');
    await expectEverywhere(lab, ['shop']);
    await expectTraffic(lab, 'shop', ['h3', 'h1']);
  });

  test('a Docker that lost its networks gets them again, and no other loses any', async (lab) => {
    for (const name of ['bank', 'shop']) await createEverywhere(lab, 'h2', name);
    await lab.dockerd('h2', 'stop');
    await lab.in('h2', 'rm', '-r', '/var/lib/docker/network');
    await lab.dockerd('h2', 'start');
    await expectEverywhere(lab, ['bank', 'shop']);
    await expectTraffic(lab, 'shop', ['h2', 'h1']);
  });

  test('without access to the API xnet plumbs networks and says what is off; then the second of two networks of a name is reported, and replaced when it is free', async (lab) => {
    await lab.xnet('h2', 'restart', '--', '--docker-host', 'unix:///run/nowhere.sock');
    try {
      await expectProblem(
        lab,
        'h2',
        /\/run\/nowhere\.sock: there is no such socket; networks are not mirrored/,
      );
      await createSharedNetwork(lab, 'tied', [], ['h1', 'h2']);
      await expectTraffic(lab, 'tied', ['h1', 'h2']);
      await createNetwork(lab, 'h1', 'shop');
      await createNetwork(lab, 'h2', 'shop');
      await runContainer(lab, 'h2', 'shop', { name: 'alone' });
    } finally {
      await lab.xnet('h2', 'restart', '--');
    }
    await expectProblem(lab, 'h2', /network shop was created on two hosts at once.*stop and remove/);
    expect(await listNetworks(lab, 'h2')).toEqual(['shop', 'tied']);
    await lab.docker('h2', 'rm', '-f', 'alone');
    // For a moment there is neither a problem nor a network.
    const common = await describeNetwork(lab, 'h1', 'shop');
    await eventually(async () => expect(await describeNetwork(lab, 'h2', 'shop')).toEqual(common));
    await expectNoProblem(lab, 'h2');
    await expectTraffic(lab, 'shop', ['h1', 'h2']);
  });

  test('a network that a user removed before xnet was told that Docker had made it is gone from all, and its name is free', async (lab) => {
    const { socket, ms } = LATE_DOCKER;
    for (const host of ['h2', 'h3']) {
      await using _late = lab.start(host, 'node', '/opt/xnet/test/lab/lib/late-docker.mjs', socket, ms);
      await lab.xnet(host, 'restart', '--', '--docker-host', `unix://${socket}`);
      try {
        await createEverywhere(lab, 'h1', 'shop', '--subnet', '10.51.0.0/24');
        await lab.docker(host, 'network', 'rm', 'shop');
        await createNetwork(lab, host, 'shop', '--subnet', '10.52.0.0/24');
        await expectSubnetEverywhere(lab, 'shop', '10.52.0.0/24');
      } finally {
        await lab.xnet(host, 'restart', '--');
      }
      await lab.docker('h1', 'network', 'rm', 'shop');
      await expectEverywhere(lab, []);
    }
  });

  test('dockerd away, restarted, or started after xnet is found again', async (lab) => {
    await createEverywhere(lab, 'h1', 'old');
    await lab.dockerd('h2', 'stop');
    await expectProblem(lab, 'h2', /Docker's API at .*networks are not mirrored/);
    await lab.docker('h1', 'network', 'rm', 'old');
    await createNetwork(lab, 'h1', 'new');
    await lab.xnet('h2', 'restart');
    await lab.in('h2', 'rm', '-f', '/run/docker.sock');
    await lab.dockerd('h2', 'start');
    await expectEverywhere(lab, ['new']);
    await expectNoProblem(lab, 'h2');
    await lab.dockerd('h2', 'kill');
    await createNetwork(lab, 'h1', 'newer');
    await lab.dockerd('h2', 'start');
    await expectEverywhere(lab, ['new', 'newer']);
  });
});
