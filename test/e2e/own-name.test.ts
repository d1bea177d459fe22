import { expect } from '@jest/globals';
import {
  type Container,
  createMirroredNetwork,
  createPlainNetwork,
  isEverywhere,
  runContainer,
} from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

const SLEEP = ['sleep', '1d'];

/** What a container finds in its very first instruction. */
interface Found {
  /** By glibc and by musl: all addresses of its own name. */
  readonly addresses: string[];
  /** Its lines of the hosts file: address and names. */
  readonly lines: string[];
}

const LOOK_UP = 'getent ahosts "$(hostname)"; musl-getent "$(hostname)"; ping -c 1 -w 5 "$(hostname)"';
const ASK = `echo "$(${LOOK_UP})"; echo @@; cat /etc/hosts`;

/** Runs a container of the image `tools` that looks itself up, and ends. */
async function findOnStart(lab: Lab, host: string, network: string, options: string[] = []): Promise<Found> {
  return read(
    await lab.docker(host, 'run', '--rm', '--network', network, ...options, 'tools', 'sh', '-c', ASK),
  );
}

/** The same in a container that runs. */
async function find(container: Container): Promise<Found> {
  return read(await container.exec('sh', '-c', ASK));
}

function read(output: string): Found {
  const [asked = '', file = ''] = output.split('@@\n');
  expect(asked).toContain(' 0% packet loss');
  const own = file
    .split('\n')
    .filter((line) => /^(::ffff:)?1[0-9.]+|^fd/.test(line) && !line.startsWith('127.'));
  const addresses = asked
    .split('\n')
    .flatMap((line) => /^[0-9a-f:.]*[:.][0-9a-f]*(?=\s|$)/.exec(line)?.[0] ?? []);
  return { addresses: [...new Set(addresses)].sort(), lines: own.map((line) => line.trim()) };
}

describeInLab('own name', { hosts: 3, engines: { h2: '26', h3: '20.10' } }, (test) => {
  test('a container finds itself from its first instruction, however it is started', async (lab) => {
    await createMirroredNetwork(lab, 'shop', ['--subnet', '10.70.0.0/24']);
    const named = async (names: string, ...options: string[]) => {
      const found = await findOnStart(lab, 'h1', 'shop', ['--ip', '10.70.0.9', ...options]);
      expect(found).toEqual({ addresses: ['10.70.0.9'], lines: [`10.70.0.9\t${names}`] });
    };
    await named('broker', '--hostname', 'broker');
    await named('broker.example.org broker', '--hostname', 'broker.example.org');
    await named('broker.example.org broker', '--hostname', 'broker', '--domainname', 'example.org');
    await named('broker', '--hostname', 'broker', '--read-only');
    const other = ['--hostname', 'broker', '--add-host', 'other:10.70.0.9'];
    const { lines } = await findOnStart(lab, 'h1', 'shop', ['--ip', '10.70.0.9', ...other]);
    expect(lines).toEqual(['10.70.0.9\tother', '10.70.0.9\tbroker']);

    // Docker 28 writes no line at all then: its resolver knows the host name.
    const withoutIpv6 = ['--ip', '10.70.0.9', '--sysctl', 'net.ipv6.conf.all.disable_ipv6=1'];
    expect(await findOnStart(lab, 'h1', 'shop', withoutIpv6)).toEqual({
      addresses: ['10.70.0.9'],
      lines: [],
    });
    const usersFile = ['--hostname', 'broker', '-v', '/etc/hostname:/etc/hosts'];
    const container = await runContainer(lab, 'h1', 'shop', { options: usersFile, command: SLEEP });
    expect(await container.exec('cat', '/etc/hosts')).toBe('h1');
    const shown = [
      await container.inspect('{{json .}}'),
      await lab.docker('h1', 'network', 'inspect', 'shop'),
    ];
    expect(shown.join()).not.toContain('::ffff:');
  });

  test('and ten that start at once, each itself', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    const all = await Promise.all(Array.from({ length: 10 }, () => findOnStart(lab, 'h1', 'shop')));
    for (const { addresses, lines } of all) {
      expect(addresses).toHaveLength(1);
      expect(lines).toEqual([expect.stringMatching(new RegExp(`^${addresses[0]}\t[0-9a-f]{12}$`))]);
    }
    expect(new Set(all.map(({ addresses }) => addresses[0])).size).toBe(10);
  });

  test('in several networks, of IPv6 too: each has its line, and none is left or doubled', async (lab) => {
    await createMirroredNetwork(lab, 'shop', ['--subnet', '10.70.0.0/24']);
    await createMirroredNetwork(lab, 'dual', ['--ipv6', '--subnet', '10.71.0.0/24', '--subnet', 'fd71::/64']);
    const options = ['--hostname', 'me'];
    const container = await runContainer(lab, 'h1', 'shop', { name: 'first', options, command: SLEEP });
    const linesOf = async (network: string) =>
      [await container.address(network), await container.address6(network)]
        .filter((address) => address !== '')
        .map((address) => `${address}\tme`);
    const findAll = async (...networks: string[]) => {
      const lines = (await Promise.all(networks.map(linesOf))).flat();
      expect([...(await find(container)).lines].sort()).toEqual([...lines].sort());
      expect((await find(container)).addresses).toEqual(lines.map((line) => line.split('\t')[0]).sort());
    };
    await findAll('shop');
    await lab.docker('h1', 'network', 'connect', 'dual', 'first');
    await findAll('shop', 'dual');
    await lab.docker('h1', 'restart', '-t', '0', 'first');
    await findAll('shop', 'dual');
    await lab.docker('h1', 'network', 'disconnect', 'dual', 'first');
    await findAll('shop');
    await lab.docker('h1', 'network', 'connect', 'dual', 'first');
    await lab.docker('h1', 'network', 'disconnect', 'shop', 'first');
    await findAll('dual');
    await lab.docker('h1', 'rename', 'first', 'second');
    await lab.docker('h1', 'rename', 'second', 'first');
    await lab.docker('h1', 'stop', '-t', '0', 'first');
    await lab.docker('h1', 'start', 'first');
    await findAll('dual');
  });

  test('in a copy of a plain network, whose addresses xnet gives', async (lab) => {
    await createPlainNetwork(lab, 'plain', ['--subnet', '10.72.0.0/24'], 'h2');
    const { addresses, lines } = await findOnStart(lab, 'h1', 'plain', ['--hostname', 'me']);
    expect(lines).toEqual([`${addresses[0]}\tme`]);
  });

  test('also after a restart of xnet: the lines of a network go with it', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    await createMirroredNetwork(lab, 'more');
    const options = ['--hostname', 'me'];
    const container = await runContainer(lab, 'h1', 'shop', { options, command: SLEEP });
    await lab.docker('h1', 'network', 'connect', 'more', container.name);
    await lab.xnet('h1', 'restart');
    const isKnown = async () =>
      /"sandboxes": 1/.test(await lab.in('h1', 'sh', '-c', 'xnet status --json || true'));
    await eventually("the container's resolver is xnet's again", isKnown);
    await lab.docker('h1', 'network', 'disconnect', 'more', container.name);
    expect((await find(container)).lines).toEqual([`${await container.address()}\tme`]);
  });

  test('where Docker writes what programs understand, its file is left as it is', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    await isEverywhere(lab, 'shop');
    for (const host of ['h2', 'h3']) {
      const container = await runContainer(lab, host, 'shop', {
        options: ['--hostname', 'me'],
        command: SLEEP,
      });
      const file = await container.exec('cat', '/etc/hosts');
      expect(file.split('\n').at(-1)).toBe(`${await container.address()}\tme`);
    }
  });
});
