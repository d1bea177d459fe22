import { expect } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import type { Lab } from '../support/lab.js';
import { describeInLab } from '../support/lab-suite.js';
import { createEverywhere, expectEverywhere, expectNoProblem, listNetworks } from '../support/networks.js';

/** A Compose file of one service on one network, whose lines are given. */
function composeFile(service: string, ...network: string[]): string {
  return [
    'services:',
    `  ${service}:`,
    '    image: tools',
    '    pull_policy: never',
    '    command: sleep 1d',
    '    stop_signal: SIGKILL',
    'networks:',
    '  default:',
    ...network.map((line) => `    ${line}`),
    '',
  ].join('\n');
}

const XNET = ['driver: xnet', 'ipam:', '  driver: xnet'];

async function putFile(lab: Lab, host: string, file: string): Promise<void> {
  const script = 'mkdir -p /srv/app; printf %s "$1" >/srv/app/compose.yaml';
  await lab.in(host, 'sh', '-c', script, 'sh', file);
}

/** `docker compose` on the file of project `app`. */
function compose(lab: Lab, host: string, ...args: string[]): Promise<string> {
  return lab.in(host, 'docker', 'compose', '--project-directory', '/srv/app', ...args);
}

async function up(lab: Lab, host: string, file: string): Promise<void> {
  await putFile(lab, host, file);
  await compose(lab, host, 'up', '-d');
}

/** Resolves when a service's container on `from` reaches that of a service on `to`, at its address and by name. */
async function expectReached(lab: Lab, [from, service]: [string, string], [to, other]: [string, string]) {
  const exec = (host: string, name: string, ...command: string[]) =>
    compose(lab, host, 'exec', '-T', name, ...command);
  const address = await exec(to, other, 'hostname', '-i');
  await exec(from, service, 'ping', '-c', '1', '-w', '15', address);
  await eventually(async () => {
    const found = await exec(from, service, 'getent', 'ahostsv4', other);
    expect(found).toContain(address);
  });
}

describeInLab('Compose', { hosts: 3 }, (test) => {
  for (const [what, lines] of Object.entries({
    'with xnet as IPAM driver': XNET,
    "with Docker's own IPAM": ['driver: xnet'],
    'with a subnet': [...XNET, '  config:', '    - subnet: 10.61.0.0/24'],
  })) {
    test(
      `a file with driver: xnet, ${what}, is brought up on two hosts, and down again`,
      async (lab) => {
        const file = composeFile('web', ...lines);
        await up(lab, 'h1', file);
        await expectEverywhere(lab, ['app_default']);
        await up(lab, 'h2', file);
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
    const file = composeFile('web', ...XNET);
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
    await up(lab, 'h1', composeFile('db', ...external));
    await up(lab, 'h2', composeFile('web', ...external));
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

  // Compose hands Docker no options for the IPAM driver: it is the subnet that ties the pools.
  test('a file with xnet.name and a subnet makes one network, on the hosts that bring it up alone', async (lab) => {
    const name = ['driver_opts:', '  xnet.name: shop'];
    const file = composeFile('web', ...XNET, '  config:', '    - subnet: 10.62.0.0/24', ...name);
    await up(lab, 'h1', file);
    await up(lab, 'h2', file);
    await expectReached(lab, ['h1', 'web'], ['h2', 'web']);
    expect(await listNetworks(lab, 'h3')).toEqual([]);
    await expectNoProblem(lab, 'h1');
  });
});
