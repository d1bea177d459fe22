/** Networks of mode routed on three hosts: what a user sees is that of the overlay, with the MTU of the underlay. */
import { expect } from '@jest/globals';
import {
  type Container,
  CREATE,
  createMirroredNetwork,
  GREETING_PORT,
  runContainer,
} from '../support/containers/containers.js';
import { expectNoProblem, expectProblem } from '../support/containers/networks.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { xnetAnswer } from '../support/lab/xnet-answer.js';
import { eventually } from '../support/time/eventually.js';

const ROUTED = ['-o', 'xnet.mode=routed'];

const attempt = (lab: Lab, ...options: string[]) =>
  lab.docker('h1', ...CREATE, '--ipam-opt', 'xnet.name=refused', ...ROUTED, ...options, 'refused').then(
    () => 'created',
    (error: Error) => error.message,
  );

const repairsOf = async (lab: Lab, host: string): Promise<Record<string, number>> =>
  (await xnetAnswer(lab, host, 'status')).repairs;

/** Both ways, by name. */
async function expectNames(containers: readonly Container[]): Promise<void> {
  for (const one of containers)
    for (const other of containers) expect(await one.greetOverTcp(other.name)).toBe(other.name);
}

describeInLab('routed', { hosts: 3 }, (test) => {
  test('names, published ports, outbound, two networks, restarts and repairs are as in the overlay', async (lab) => {
    await createMirroredNetwork(lab, 'shop', [
      ...ROUTED,
      ...['--subnet', '10.70.0.0/24', '--ipv6', '--subnet', 'fd70::/64'],
    ]);
    await createMirroredNetwork(lab, 'more', [...ROUTED, '--subnet', '10.71.0.0/24']);
    const publish = ['-p', `8080:${GREETING_PORT}`, '--network', 'more', '--restart', 'always'];
    const [web, db, app] = [
      await runContainer(lab, 'h1', 'shop', { name: 'web', options: publish }),
      await runContainer(lab, 'h2', 'shop', { name: 'db', options: ['--restart', 'always'] }),
      await runContainer(lab, 'h3', 'more', { name: 'app' }),
    ] as const;
    await expectNames([web, db]);
    await expectNames([web, app]);
    expect(await db.greetOverTcp(await web.address6())).toBe('web');
    expect(await db.reaches(await web.address(), '-M', 'do', '-s', '1472')).toBe(true);
    expect(await db.reaches(await web.address(), '-s', '9000')).toBe(true);
    expect(await db.dig('app')).toEqual([]);
    expect(await db.exec('sh', '-c', `ping -c 1 -w 1 ${await app.address()} || echo none`)).toContain('none');
    const published = `/dev/tcp/${await lab.ip('h1')}/8080`;
    expect(await lab.in('h2', 'timeout', '15', 'bash', '-c', `cat <${published}`)).toBe('web');
    expect(await db.exec('curl', '-s', '-m', '15', 'http://outside.lab/')).toBe('hello from outside');

    await lab.docker('h1', 'restart', '-t', '0', 'web');
    await eventually(
      'web is found again',
      async () => (await db.greetOverTcp('web').catch(() => '')) === 'web',
    );

    // Nobody is needed for packets to pass, nor to take over.
    await lab.xnet('h1', 'kill');
    expect(await db.greetOverTcp(await web.address())).toBe('web');
    await lab.xnet('h1', 'start');
    await eventually('names are answered again', () => expectNames([web, db]));
    await lab.run(['reboot', 'h2']);
    await eventually('names are answered again', () => expectNames([web, db]));

    await lab.in('h1', 'sh', '-c', 'iptables-save > /run/rules && nft flush ruleset');
    const began = performance.now();
    const isRepaired = async () => ((await repairsOf(lab, 'h1')).routes ?? 0) >= 2;
    await eventually('both tables are there again', isRepaired, 10_000);
    console.info(
      `flushed tables were seen to be there again after ${Math.round(performance.now() - began)} ms`,
    );
    expect(await db.greetOverTcp(await web.address())).toBe('web');
    // Docker's own, without which containers reach nothing outside.
    await lab.in('h1', 'sh', '-c', 'iptables-restore < /run/rules');
    await expectNoProblem(lab, 'h1');
  });

  test('what cannot be routed is refused, and what comes into its way later is a problem', async (lab) => {
    await createMirroredNetwork(lab, 'shop', [...ROUTED, '--subnet', '10.70.0.0/24']);
    expect(await attempt(lab, '--subnet', '10.70.0.0/16')).toContain(
      'subnet 10.70.0.0/16 overlaps 10.70.0.0/24 of network shop',
    );
    expect(await attempt(lab, '-o', 'xnet.multicast=on')).toContain('carries no multicast');
    await lab.in('h1', 'ip', 'route', 'add', '10.72.1.0/24', 'dev', 'lo');
    expect(await attempt(lab, '--subnet', '10.72.0.0/16')).toContain("this host's route to 10.72.1.0/24");
    await lab.in('h1', 'ip', 'route', 'del', '10.72.1.0/24', 'dev', 'lo');

    await lab.in('h2', 'ip', 'route', 'add', '10.70.0.128/25', 'dev', 'lo');
    await expectProblem(
      lab,
      'h2',
      /network shop: subnet 10.70.0.0.24 overlaps this host's route to 10.70.0.128/,
    );
    await lab.in('h2', 'ip', 'route', 'del', '10.70.0.128/25', 'dev', 'lo');
  });
});
