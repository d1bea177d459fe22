/** The lists of `xnet`: what they say of the cluster, on any host, is what Docker, etcd and the kernel say. */
import { expect } from '@jest/globals';
import { type Answer, OPERATIONS, type OperationName } from '../../src/admin/operations.js';
import { createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { createNetwork, inspectNetwork } from '../support/containers/networks.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

/** As a program asks: strictly what the API's description says. */
async function ask<N extends OperationName>(
  lab: Lab,
  host: string,
  name: N,
  ...words: string[]
): Promise<Answer<N>> {
  const answer = JSON.parse(await lab.in(host, 'xnet', ...words, '-o', 'json'));
  return OPERATIONS[name].answer.parse(answer) as Answer<N>;
}

/** Name, host, address and MAC of each container that Docker has in the network, over the hosts. */
async function containersInDocker(lab: Lab, network: string): Promise<string[]> {
  const found: string[] = [];
  for (const host of lab.hosts) {
    const text = await lab.docker(host, 'network', 'inspect', network, '--format', '{{json .Containers}}');
    const containers = Object.values<{ Name: string; IPv4Address: string; MacAddress: string }>(
      JSON.parse(text),
    );
    for (const { Name, IPv4Address, MacAddress } of containers)
      found.push(`${Name} ${host} ${IPv4Address.split('/')[0]} ${MacAddress}`);
  }
  return found.sort();
}

async function containersInXnet(lab: Lab, host: string, network: string): Promise<string[]> {
  const { items } = await ask(lab, host, 'endpoints', 'endpoints', '--network', network);
  return items
    .map((item) => `${item.container?.name} ${item.host.name} ${item.addresses} ${item.mac}`)
    .sort();
}

describeInLab('lists', { hosts: 3 }, (test) => {
  test('say on every host what Docker has, and of a host that is dead that it is silent', async (lab) => {
    await createMirroredNetwork(lab, 'shop', ['--label', 'team=a']);
    await createNetwork(lab, 'h2', 'alone', '-o', 'xnet.mirror=off');
    for (const host of lab.hosts) await runContainer(lab, host, 'shop', { name: `web-${host}` });
    await runContainer(lab, 'h2', 'alone', { name: 'hermit' });
    for (const host of lab.hosts) {
      await eventually(async () => {
        for (const network of ['shop', 'alone'])
          expect(await containersInXnet(lab, host, network)).toEqual(
            network === 'shop'
              ? await containersInDocker(lab, 'shop')
              : [expect.stringMatching(/^hermit h2 /)],
          );
      });
      const { items } = await ask(lab, host, 'networks', 'networks');
      const { IPAM } = await inspectNetwork(lab, 'h1', 'shop');
      expect(items.map(({ name, endpoints, hosts, mirrored }) => [name, endpoints, hosts, mirrored])).toEqual(
        [
          ['alone', 1, 1, false],
          ['shop', 3, 3, true],
        ],
      );
      expect(items[1]?.subnets).toEqual([IPAM.Config[0]?.Subnet]);
      const shop = await ask(lab, host, 'network', 'network', 'show', 'shop');
      expect(shop.labels).toEqual({ team: 'a' });
      expect(shop.dockerNetworks.map((each) => each.host.name).sort()).toEqual([...lab.hosts]);
      const names = await ask(lab, host, 'names', 'names', 'web-h3');
      expect(names.items.map(({ name }) => name)).toContain('web-h3');
      const pools = await ask(lab, host, 'pools', 'pools');
      expect(pools.items.map(({ addresses }) => addresses.endpoints).sort()).toEqual([1, 3]);
    }
    const addresses = await ask(lab, 'h1', 'addresses', 'addresses', 'shop');
    const bound = addresses.items.filter(({ state }) => state === 'bound');
    expect(bound.map(({ container, host }) => `${container} ${host}`).sort()).toEqual(
      lab.hosts.map((host) => `web-${host} ${host}`),
    );
    await lab.xnet('h3', 'kill');
    await eventually(async () => {
      const { items } = await ask(lab, 'h1', 'endpoints', 'endpoints', '--host', 'h3');
      expect(items.map(({ host }) => host.state)).toEqual(['silent']);
    });
    expect(await lab.in('h1', 'xnet', 'endpoints')).toMatch(/^web-h3 +shop +h3 +silent /m);
    await lab.xnet('h3', 'start');
  });

  test('say what was last known while etcd is away, and that it is so', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    await runContainer(lab, 'h1', 'shop', { name: 'db' });
    await lab.etcd('stop', 'etcd1');
    try {
      await eventually(async () => {
        const { asOf, items } = await ask(lab, 'h1', 'endpoints', 'endpoints', '--network', 'shop');
        expect([asOf, ...items.map(({ host }) => host.state)]).toEqual(['last known', 'unknown']);
      });
      // Also those of which this host knows a part alone.
      expect((await ask(lab, 'h1', 'endpoints', 'endpoints')).items).toHaveLength(1);
      expect((await ask(lab, 'h1', 'networks', 'networks')).items.map(({ name }) => name)).toEqual(['shop']);
      expect((await ask(lab, 'h1', 'hosts', 'hosts')).map(({ name }) => name).sort()).toEqual([...lab.hosts]);
      for (const list of ['pools', 'addresses'] as const) {
        const words = list === 'pools' ? ['pools'] : ['addresses', 'shop'];
        expect((await ask(lab, 'h1', list, ...words)).items).not.toEqual([]);
      }
      await expect(lab.in('h1', 'xnet', 'doctor', '--all')).rejects.toThrow(/other hosts: not asked: etcd/);
    } finally {
      await lab.etcd('start', 'etcd1');
    }
    await eventually(async () => {
      expect((await ask(lab, 'h1', 'endpoints', 'endpoints')).asOf).toBe('store');
    });
  });

  test('refuse what they cannot answer, in one line, and are for root alone', async (lab) => {
    const fails = (...words: string[]) => lab.in('h1', 'xnet', ...words);
    await expect(fails('network', 'show', 'nowhere')).rejects.toThrow(
      /no network with the name or id "nowhere"; `xnet networks` lists/,
    );
    await expect(fails('endpoints', '--host', 'h9')).rejects.toThrow(/no host with the name or id "h9"/);
    await expect(fails('networks', '-o', 'xml')).rejects.toThrow(/Allowed choices are table, json, yaml/);
    await expect(fails('networks', '--watch', 'often')).rejects.toThrow(/Give seconds, from 0.1 to 86400/);
    const curl = 'curl -sS --unix-socket /run/xnet/admin.sock http://xnet/v1/version';
    await expect(
      lab.in('h1', 'setpriv', '--reuid', '65534', '--clear-groups', 'sh', '-c', curl),
    ).rejects.toThrow(/(denied|connect)/i);
    expect(JSON.parse(await lab.in('h1', 'sh', '-c', curl))).toEqual({ version: expect.any(String) });
  });
});
