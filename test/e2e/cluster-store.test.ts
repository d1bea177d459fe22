/**
 * Docker 20.10 with `--cluster-store`: it keeps networks of global scope in etcd itself, so that one that was created on
 * any host is there on all, with one id, and the other hosts' drivers never hear of its creation.
 */
import { expect } from '@jest/globals';
import { type Container, CREATE, runContainer } from '../support/containers/containers.js';
import { subnetOf } from '../support/containers/networks.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

const GLOBAL = { XNET_SCOPE: 'global' };

describeInLab('cluster store', { hosts: 3, engine: '20.10', etcdV2: true, settings: GLOBAL }, (test) => {
  test(
    'a network is created on one host, used on all, and removed on any',
    async (lab) => {
      await joinClusterStore(lab);
      await lab.docker('h1', ...CREATE, '--subnet', '10.50.0.0/24', 'shop');
      await expectOneNetwork(lab, 'shop');
      const again = lab.docker('h2', ...CREATE, '--subnet', '10.50.0.0/24', 'other');
      await expect(again).rejects.toThrow(/subnet 10\.50\.0\.0\/24 is that of network/);
      const containers = await runEverywhere(lab, 'shop');
      await expectAllToMeet(containers);

      const fixed = await runContainer(lab, 'h2', 'shop', { options: ['--ip', '10.50.0.77'] });
      expect(await containers[2]?.greetOverTcp('10.50.0.77')).toBe(fixed.name);

      await removeAll(lab);
      await lab.docker('h3', 'network', 'rm', 'shop');
      await expectNetworks(lab, []);
    },
    { timeoutMs: 240_000 },
  );

  test(
    "with the addresses of Docker's own IPAM, and over a restart of dockerd",
    async (lab) => {
      await lab.docker('h2', 'network', 'create', '-d', 'xnet', 'plain');
      await expectOneNetwork(lab, 'plain');
      const containers = await runEverywhere(lab, 'plain', '--restart', 'always');
      await expectAllToMeet(containers);
      await lab.dockerd('h2', 'restart', ...(await clusterStore(lab)));
      await expectAllToMeet(containers);

      await removeAll(lab);
      await lab.docker('h1', 'network', 'rm', 'plain');
      await expectNetworks(lab, []);
    },
    { timeoutMs: 240_000 },
  );

  test(
    'xnet may be restarted, and away while a network is created and removed',
    async (lab) => {
      await lab.xnet('h3', 'stop');
      await lab.docker('h1', ...CREATE, 'shop');
      await lab.docker('h2', ...CREATE, 'bank');
      const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
      const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
      await lab.xnet('h3', 'start');
      const three = await runContainer(lab, 'h3', 'shop', { name: 'three' });
      await lab.xnet('h3', 'kill');
      await lab.xnet('h3', 'start');
      await expectAllToMeet([one, two, three]);
      const subnets = await Promise.all(['shop', 'bank'].map((name) => subnetOf(lab, 'h3', name)));
      expect(new Set(subnets).size).toBe(2);

      await removeAll(lab);
      await lab.xnet('h3', 'kill');
      for (const name of ['shop', 'bank']) await lab.docker('h1', 'network', 'rm', name);
      await lab.xnet('h3', 'start');
      await expectNetworks(lab, []);
    },
    { timeoutMs: 240_000 },
  );
});

async function clusterStore(lab: Lab): Promise<string[]> {
  return [`--cluster-store=etcd://${await lab.ip('etcd1')}:2379`];
}

async function joinClusterStore(lab: Lab): Promise<void> {
  const options = await clusterStore(lab);
  await Promise.all(lab.hosts.map((host) => lab.dockerd(host, 'restart', ...options)));
}

/** The same one, of global scope, on all hosts. */
async function expectOneNetwork(lab: Lab, name: string): Promise<void> {
  const list = (host: string) =>
    lab.docker(host, 'network', 'ls', '--no-trunc', '-f', `name=${name}`, '--format', '{{.ID}} {{.Scope}}');
  const [made] = lab.hosts;
  const seen = await list(made as string);
  expect(seen).toMatch(/^[0-9a-f]{64} global$/);
  for (const host of lab.hosts) await eventually(async () => expect(await list(host)).toBe(seen));
}

/** Those of xnet that each host's Docker lists. */
async function expectNetworks(lab: Lab, names: readonly string[]): Promise<void> {
  for (const host of lab.hosts)
    await eventually(async () => {
      const listed = await lab.docker(host, 'network', 'ls', '-f', 'driver=xnet', '--format', '{{.Name}}');
      expect(listed.split('\n').filter(Boolean)).toEqual(names);
    });
}

function runEverywhere(lab: Lab, network: string, ...options: string[]): Promise<Container[]> {
  return Promise.all(
    lab.hosts.map((host) => runContainer(lab, host, network, { name: `web-${host}`, options })),
  );
}

/** By address and by name. */
async function expectAllToMeet(containers: readonly Container[]): Promise<void> {
  for (const [index, from] of containers.entries()) {
    const to = containers[(index + 1) % containers.length] as Container;
    await eventually(async () => expect(await from.greetOverTcp(await to.address())).toBe(to.name));
    await eventually(async () => expect(await from.greetOverUdp(to.name)).toBe(to.name));
  }
}

async function removeAll(lab: Lab): Promise<void> {
  for (const host of lab.hosts) await lab.in(host, 'sh', '-c', 'docker rm -f $(docker ps -aq)');
}
