import { isDeepStrictEqual } from 'node:util';
import { expect } from '@jest/globals';
import { CREATE, createSharedNetwork, runContainer } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

const HOSTS = ['h1', 'h2'];
const PER_HOST = 20;

/** The addresses of containers started side by side in the network `net` of both hosts. */
async function startMany(lab: Lab): Promise<string[]> {
  const start = 'docker run -d --name c-{} --network net tools sleep 1d';
  const template = '{{range .Containers}}{{.IPv4Address}} {{end}}';
  const script = `seq ${PER_HOST} | xargs -P 5 -I{} ${start} >/dev/null && docker network inspect -f '${template}' net`;
  const lists = await Promise.all(
    HOSTS.map((host) => lab.run(['in', host, 'sh', '-c', script], { timeoutMs: 120_000 })),
  );
  return lists.flatMap((list) => list.trim().split(/\s+/));
}

describeInLab('other drivers', { hosts: 2 }, (test) => {
  test(
    "xnet's addresses for macvlan never collide, and containers of two hosts meet on the underlay",
    async (lab) => {
      const options = ['--subnet', '10.60.0.0/24', '--ipam-driver', 'xnet', '-o', 'parent=eth0'];
      for (const host of HOSTS)
        await lab.docker(host, 'network', 'create', '-d', 'macvlan', ...options, 'net');
      expect(new Set(await startMany(lab)).size).toBe(HOSTS.length * PER_HOST);
      const template = '{{.NetworkSettings.Networks.net.IPAddress}}';
      const address = await lab.docker('h2', 'inspect', '-f', template, 'c-1');
      await lab.docker('h1', 'exec', 'c-1', 'ping', '-c', '1', '-w', '10', address);
    },
    { timeoutMs: 180_000 },
  );

  test(
    "xnet's addresses for Docker's bridge never collide",
    async (lab) => {
      const options = ['--subnet', '10.61.0.0/24', '--ipam-driver', 'xnet'];
      for (const host of HOSTS)
        await lab.docker(host, 'network', 'create', '-d', 'bridge', ...options, 'net');
      expect(new Set(await startMany(lab)).size).toBe(HOSTS.length * PER_HOST);
    },
    { timeoutMs: 180_000 },
  );

  test("with xnet's addresses for macvlan and bridge a container finds itself, as it joins and leaves them", async (lab) => {
    const networks = {
      lan: ['-d', 'macvlan', '-o', 'parent=eth0', '--subnet', '10.63.0.0/24'],
      plain: ['-d', 'bridge', '--subnet', '10.64.0.0/24'],
    };
    for (const [name, options] of Object.entries(networks))
      await lab.docker('h1', 'network', 'create', '--ipam-driver', 'xnet', ...options, name);
    const options = ['--hostname', 'me'];
    const container = await runContainer(lab, 'h1', 'lan', { options, command: ['sleep', '1d'] });
    const findsItselfIn = (...names: string[]) =>
      eventually(`the container finds itself in ${names}`, async () => {
        const addresses = await Promise.all(names.map((name) => container.address(name)));
        const file = (await container.exec('cat', '/etc/hosts')).split('\n').map((line) => line.trim());
        const own = file.filter((line) => line.endsWith('\tme'));
        return isDeepStrictEqual(own.sort(), addresses.map((address) => `${address}\tme`).sort());
      });
    await findsItselfIn('lan');
    await lab.docker('h1', 'network', 'connect', 'plain', container.name);
    await findsItselfIn('lan', 'plain');
    await lab.docker('h1', 'network', 'disconnect', 'lan', container.name);
    await findsItselfIn('plain');
    await lab.docker('h1', 'restart', '-t', '0', container.name);
    await findsItselfIn('plain');
    expect(await container.exec('musl-getent', 'me')).toBe(await container.address('plain'));
  });

  test("a network with Docker's own IPAM works on its host, and others join as its error says", async (lab) => {
    await lab.docker(
      'h1',
      'network',
      'create',
      '-d',
      'xnet',
      '-o',
      'xnet.name=shop',
      '--subnet',
      '10.62.0.0/24',
      'shop',
    );
    const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
    const neighbour = await runContainer(lab, 'h1', 'shop');
    expect(await neighbour.greetOverTcp(await one.address())).toBe('one');

    const join = lab.docker('h2', ...CREATE, '-o', 'xnet.name=shop', 'shop');
    await expect(join).rejects.toThrow(/--ipam-driver xnet --ipam-opt xnet\.name=shop/);
    await createSharedNetwork(lab, 'shop', [], ['h2']);
    const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
    expect(await two.greetOverTcp(await one.address())).toBe('one');
    expect(await one.greetOverUdp(await two.address())).toBe('two');
  });
});
