import { expect } from '@jest/globals';
import {
  bringUp,
  compose,
  composeFile,
  expectReached,
  putFile,
  XNET_NETWORK,
} from '../support/containers/compose.js';
import {
  createEverywhere,
  expectEverywhere,
  expectNoProblem,
  listNetworks,
} from '../support/containers/networks.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

describeInLab('Compose', { hosts: 3 }, (test) => {
  for (const [what, lines] of Object.entries({
    'with xnet as IPAM driver': XNET_NETWORK,
    "with Docker's own IPAM": ['driver: xnet'],
    'with a subnet': [...XNET_NETWORK, '  config:', '    - subnet: 10.61.0.0/24'],
  })) {
    test(
      `a file with driver: xnet, ${what}, is brought up on two hosts, and down again`,
      async (lab) => {
        const file = composeFile('web', ...lines);
        await bringUp(lab, 'h1', file);
        await expectEverywhere(lab, ['app_default']);
        await bringUp(lab, 'h2', file);
        await expectReached(lab, ['h1', 'web'], ['h2', 'web']);
        await expectReached(lab, ['h2', 'web'], ['h1', 'web']);
        const before = await compose(lab, 'h1', 'ps', '-q');
        await compose(lab, 'h1', 'up', '-d');
        expect(await compose(lab, 'h1', 'ps', '-q')).toBe(before);
        await compose(lab, 'h2', 'down');
        await expectEverywhere(lab, ['app_default']);
        await compose(lab, 'h1', 'down');
        await expectEverywhere(lab, []);
      },
      { timeoutMs: 180_000 },
    );
  }

  test('a file brought up on all hosts at the same moment, and again where Compose failed, is one network', async (lab) => {
    const file = composeFile('web', ...XNET_NETWORK);
    await Promise.all(lab.hosts.map((host) => putFile(lab, host, file)));
    await Promise.allSettled(lab.hosts.map((host) => compose(lab, host, 'up', '-d')));
    for (const host of lab.hosts) {
      await eventually(() => compose(lab, host, 'up', '-d'));
      await expectNoProblem(lab, host);
    }
    await expectReached(lab, ['h1', 'web'], ['h2', 'web']);
    await expectReached(lab, ['h2', 'web'], ['h3', 'web']);
    await expectReached(lab, ['h3', 'web'], ['h1', 'web']);
  });

  test('a file with external: true joins a network that was created on another host', async (lab) => {
    await createEverywhere(lab, 'h3', 'shop');
    const external = ['name: shop', 'external: true'];
    await bringUp(lab, 'h1', composeFile('db', ...external));
    await bringUp(lab, 'h2', composeFile('web', ...external));
    const address = await compose(lab, 'h1', 'exec', '-T', 'db', 'hostname', '-i');
    await eventually(async () => {
      const found = await compose(lab, 'h2', 'exec', '-T', 'web', 'getent', 'ahostsv4', 'db');
      expect(found).toContain(address);
    });
    await compose(lab, 'h2', 'exec', '-T', 'web', 'ping', '-c', '1', '-w', '15', 'db');
    await compose(lab, 'h1', 'down');
    await compose(lab, 'h2', 'down');
    expect(await listNetworks(lab, 'h1')).toEqual(['shop']);
  });

  test('a file whose network has another label is brought up again on one host: its containers reach those that kept the former', async (lab) => {
    const labelled = (team: string) =>
      composeFile(
        'web',
        ...XNET_NETWORK,
        '  config:',
        '    - subnet: 10.64.0.0/24',
        `labels: { team: ${team} }`,
      );
    for (const host of ['h1', 'h2']) await bringUp(lab, host, labelled('a'));
    const kept = await compose(lab, 'h2', 'ps', '-q');
    for (const host of ['h1', 'h2']) {
      await bringUp(lab, host, labelled('b'));
      await expectReached(lab, ['h1', 'web'], ['h2', 'web']);
      await expectReached(lab, ['h2', 'web'], ['h1', 'web']);
      if (host === 'h1') expect(await compose(lab, 'h2', 'ps', '-q')).toBe(kept);
      for (const each of lab.hosts) await expectNoProblem(lab, each);
    }
  });

  // The new network has another subnet: its containers are refused once, and start in that of the other hosts.
  for (const [what, team] of Object.entries({
    'brought up again with another label': 'b',
    'down and up again': 'a',
  })) {
    for (const lines of [XNET_NETWORK, ['driver: xnet']]) {
      test(`a file without a subnet (${lines.length > 1 ? 'xnet' : 'Docker'}'s IPAM), ${what} on one host, while another one keeps it up: one network`, async (lab) => {
        const labelled = (label: string) => composeFile('web', ...lines, `labels: { team: ${label} }`);
        for (const host of ['h1', 'h2']) await bringUp(lab, host, labelled('a'));
        for (const host of ['h1', 'h2']) {
          await putFile(lab, host, labelled(team));
          if (team === 'a') await compose(lab, host, 'down');
          await eventually(() => compose(lab, host, 'up', '-d'));
          await expectReached(lab, ['h1', 'web'], ['h2', 'web']);
          await expectReached(lab, ['h2', 'web'], ['h1', 'web']);
          for (const each of lab.hosts) await expectNoProblem(lab, each);
        }
      });
    }
  }

  // Compose hands Docker no options for the IPAM driver: it is the subnet that ties the pools.
  test('a file with xnet.name and a subnet makes one network, on the hosts that bring it up alone', async (lab) => {
    const name = ['driver_opts:', '  xnet.name: shop'];
    const file = composeFile('web', ...XNET_NETWORK, '  config:', '    - subnet: 10.62.0.0/24', ...name);
    await bringUp(lab, 'h1', file);
    await bringUp(lab, 'h2', file);
    await expectReached(lab, ['h1', 'web'], ['h2', 'web']);
    expect(await listNetworks(lab, 'h3')).toEqual([]);
    await expectNoProblem(lab, 'h1');
  });
});
