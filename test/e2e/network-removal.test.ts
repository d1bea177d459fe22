/** A network is removed that containers belong to, or while the store is away. */
import { expect } from '@jest/globals';
import { Container, runContainer } from '../support/containers/containers.js';
import {
  createEverywhere,
  createNetwork,
  expectEverywhere,
  expectNoProblem,
  inspectNetwork,
  listNetworks,
  subnetOf,
} from '../support/containers/networks.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

/** The network's Docker id on a host. */
async function idOn(lab: Lab, host: string, name: string): Promise<string> {
  return (await inspectNetwork(lab, host, name)).Id;
}

/** Runs `removal`; resolves when the host has the network again, as another Docker network, and all others still have it. */
async function expectUndone(lab: Lab, host: string, name: string, removal: () => Promise<unknown>) {
  const former = await idOn(lab, host, name);
  await removal();
  await eventually(async () => expect(await idOn(lab, host, name)).not.toBe(former));
  await expectEverywhere(lab, [name]);
}

/** A container that ran, and runs no more. */
async function stopContainer(lab: Lab, host: string, network: string, options: readonly string[] = []) {
  const container = await runContainer(lab, host, network, { name: `stopped-${host}`, options });
  await lab.docker(host, 'stop', container.name);
  return container;
}

async function start({ lab, host, name }: Container): Promise<void> {
  await eventually(() => lab.docker(host, 'start', name));
}

describeInLab('removal of networks', { hosts: 3, engines: { h2: '26', h3: '20.10' } }, (test) => {
  test('docker network prune does not take a network from the stopped and the created containers of other hosts', async (lab) => {
    await createEverywhere(lab, 'h1', 'shop');
    const stopped = await stopContainer(lab, 'h1', 'shop');
    const id = await idOn(lab, 'h1', 'shop');
    await expectUndone(lab, 'h2', 'shop', () => lab.docker('h2', 'network', 'prune', '-f'));
    expect(await idOn(lab, 'h1', 'shop')).toBe(id);
    await start(stopped);
    await lab.docker('h1', 'rm', '-f', stopped.name);
    for (const [host, other] of [
      ['h3', 'h1'],
      ['h1', 'h3'],
    ] as const) {
      const created = new Container(lab, host, `created-${host}`, 'shop');
      await lab.docker(host, 'create', '--name', created.name, '--network', 'shop', 'tools', 'sleep', '1d');
      await expectUndone(lab, other, 'shop', () => lab.docker(other, 'network', 'rm', 'shop'));
      await start(created);
      const peer = await runContainer(lab, other, 'shop');
      expect(await created.greetOverTcp(await peer.address())).toBe(peer.name);
      for (const { name, host: on } of [created, peer]) await lab.docker(on, 'rm', '-f', name);
    }
    await lab.docker('h2', 'network', 'prune', '-f');
    await expectEverywhere(lab, []);
  });

  test('nor from those of a host that was away: it brings the network back', async (lab) => {
    await createEverywhere(lab, 'h1', 'shop');
    const stopped = await stopContainer(lab, 'h3', 'shop');
    await lab.xnet('h3', 'stop');
    await lab.docker('h1', 'network', 'rm', 'shop');
    await expectEverywhere(lab, [], ['h1', 'h2']);
    await lab.xnet('h3', 'start');
    await expectEverywhere(lab, ['shop']);
    await start(stopped);
    const peer = await runContainer(lab, 'h1', 'shop');
    expect(await peer.greetOverTcp(await stopped.address())).toBe(stopped.name);
  });

  test('stopped containers of the host that gets a removed network back start in it, with their names and addresses', async (lab) => {
    await createEverywhere(lab, 'h1', 'shop', '--subnet', '10.63.0.0/24');
    for (const [host, other] of [
      ['h1', 'h2'],
      ['h2', 'h3'],
      ['h3', 'h1'],
    ] as const) {
      const peer = await runContainer(lab, other, 'shop');
      const wishes = ['--network-alias', 'www', '--ip', '10.63.0.77'];
      const stopped = await stopContainer(lab, host, 'shop', wishes);
      await expectUndone(lab, host, 'shop', () => lab.docker(host, 'network', 'rm', 'shop'));
      await start(stopped);
      await eventually(async () => expect(await peer.dig('www')).toEqual(['10.63.0.77']));
      expect(await peer.greetOverTcp('www')).toBe(stopped.name);
      for (const { name, host: on } of [stopped, peer]) await lab.docker(on, 'rm', '-f', name);
    }
  });

  test('a network that is removed and created again, with another label, where other hosts use it is theirs', async (lab) => {
    const subnet = ['--subnet', '10.65.0.0/24'];
    await createEverywhere(lab, 'h1', 'shop', ...subnet);
    const peer = await runContainer(lab, 'h1', 'shop', { name: 'peer' });
    for (const host of ['h2', 'h3']) {
      await lab.docker(host, 'network', 'rm', 'shop');
      const id = await createNetwork(lab, host, 'shop', ...subnet, '--label', 'team=b');
      const container = await runContainer(lab, host, 'shop');
      expect(await container.greetOverTcp('peer')).toBe(peer.name);
      expect(await idOn(lab, host, 'shop')).toBe(id);
    }
  });

  test('another network that is created just after its removal has a subnet of its own', async (lab) => {
    await createEverywhere(lab, 'h1', 'shop');
    await runContainer(lab, 'h2', 'shop', { name: 'db' });
    await lab.in(
      'h1',
      'sh',
      '-c',
      'docker network rm shop && docker network create -d xnet --ipam-driver xnet other',
    );
    await expectEverywhere(lab, ['other', 'shop']);
    const subnets = await Promise.all(['other', 'shop'].map((name) => subnetOf(lab, 'h1', name)));
    expect(new Set(subnets).size).toBe(2);
    for (const host of lab.hosts) await expectNoProblem(lab, host);
  });

  test('stopped containers of a Docker that lost its networks start in those that it gets again', async (lab) => {
    await createEverywhere(lab, 'h1', 'shop');
    const stopped = await stopContainer(lab, 'h1', 'shop');
    await lab.dockerd('h1', 'stop');
    await lab.in('h1', 'rm', '-r', '/var/lib/docker/network');
    await lab.dockerd('h1', 'start');
    await expectEverywhere(lab, ['shop']);
    await start(stopped);
    const peer = await runContainer(lab, 'h2', 'shop');
    expect(await peer.greetOverTcp(await stopped.address())).toBe(stopped.name);
  });

  test('a network that is removed while etcd is away is gone from all when it is back, or back where it was removed', async (lab) => {
    for (const name of ['idle', 'used']) await createEverywhere(lab, 'h1', name);
    const peer = await runContainer(lab, 'h2', 'used', { name: 'peer' });
    const stopped = await stopContainer(lab, 'h1', 'used');
    await lab.run(['etcd', 'stop']);
    for (const name of ['idle', 'used']) await lab.docker('h1', 'network', 'rm', name);
    expect(await listNetworks(lab, 'h1')).toEqual([]);
    await lab.xnet('h1', 'restart');
    await lab.run(['etcd', 'start']);
    await expectEverywhere(lab, ['used']);
    await start(stopped);
    expect(await peer.greetOverTcp(await stopped.address())).toBe(stopped.name);
    for (const host of lab.hosts) await expectNoProblem(lab, host);
  });
});
