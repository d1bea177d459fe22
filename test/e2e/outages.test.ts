import { expect } from '@jest/globals';
import {
  CREATE,
  createMirroredNetwork,
  createSharedNetwork,
  runContainer,
  succeeds,
} from '../support/containers/containers.js';
import { expectNoProblem, expectProblem } from '../support/containers/networks.js';
import { callTimes } from '../support/lab/call-times.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { expectForgotten } from '../support/stories/forgotten.js';
import { eventually } from '../support/time/eventually.js';
import { expectInTime } from '../support/time/in-time.js';

/** The error of a command of Docker on `host` that must fail, kept waiting by xnet for less than 10 s. */
async function failsInTime(lab: Lab, host: string, run: () => Promise<unknown>): Promise<string> {
  const before = (await callTimes(lab, host)).length;
  const message = await run().then(
    () => 'it succeeded',
    (error: Error) => error.message,
  );
  // Not the time of the whole command: on a loaded machine Docker's own work takes seconds.
  const times = (await callTimes(lab, host)).slice(before);
  expect(times).not.toEqual([]);
  expectInTime(
    times.reduce((sum, { ms }) => sum + ms, 0),
    10_000,
  );
  return message;
}

async function xnetPid(lab: Lab, host: string): Promise<string> {
  return lab.in(host, 'cat', '/run/lab/xnet.pid');
}

describeInLab('outages', { hosts: 3 }, (test) => {
  for (const [outage, end] of [
    ['stop', 'start'],
    ['freeze', 'thaw'],
  ] as const) {
    test(
      `etcd ${outage}: Docker is answered in time, containers go on talking, and all works again afterwards`,
      async (lab) => {
        await createSharedNetwork(lab, 'shop');
        const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
        const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
        const address = await two.address();
        const endpoint = `${await lab.ip('etcd1')}:2379`;
        await lab.etcd(outage);
        try {
          expect(await failsInTime(lab, 'h1', () => lab.docker('h1', ...CREATE, 'late'))).toContain(endpoint);
          expect(
            // It has had no container there yet, and so holds no addresses of it.
            await failsInTime(lab, 'h3', () => runContainer(lab, 'h3', 'shop', { name: 'late' })),
          ).toContain(endpoint);
          expect(await one.greetOverTcp(address)).toBe('two');
          await expect(lab.in('h1', 'xnet', 'status')).rejects.toThrow(endpoint);
        } finally {
          await lab.etcd(end);
        }
        await eventually('networks are made', () => succeeds(lab.docker('h1', ...CREATE, 'late')), 30_000);
        const three = await runContainer(lab, 'h3', 'shop', { name: 'three' });
        expect(await one.greetOverTcp(await three.address())).toBe('three');
        expect(await three.greetOverTcp(address)).toBe('two');
        await expectNoProblem(lab, 'h1');
      },
      { timeoutMs: 180_000, logsErrors: true },
    );
  }

  test(
    'a container removed while etcd is down leaves nothing once etcd is back',
    async (lab) => {
      await createMirroredNetwork(lab, 'shop', ['--subnet', '10.81.0.0/24']);
      const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
      const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
      const address = await one.address();
      await eventually('two finds one', async () => (await two.dig('one')).includes(address));
      await lab.etcd('stop');
      try {
        await lab.docker('h1', 'rm', '-f', one.name);
      } finally {
        await lab.etcd('start');
      }
      await expectForgotten({ name: one.name, address }, two);
    },
    { timeoutMs: 120_000, logsErrors: true },
  );

  test('a second xnet on the socket ends with a message, and the first serves on', async (lab) => {
    const pid = await xnetPid(lab, 'h1');
    const second = lab.in('h1', 'xnet', 'serve', '--state-dir', '/tmp/second');
    await expect(second).rejects.toThrow(
      /ended with [1-9].*another process listens on \/run\/docker\/plugins\/xnet\.sock/s,
    );
    expect(await xnetPid(lab, 'h1')).toBe(pid);
    await lab.docker('h1', ...CREATE, 'shop');
  });

  test(
    'an underlay interface that does not exist: docker and xnet status name it',
    async (lab) => {
      await lab.xnet('h1', 'restart', '--', '--interface', 'nope');
      try {
        await expectProblem(lab, 'h1', /nope/);
        expect(await failsInTime(lab, 'h1', () => lab.docker('h1', ...CREATE, 'late'))).toContain('nope');
      } finally {
        await lab.xnet('h1', 'restart', '--');
      }
      await expectNoProblem(lab, 'h1');
    },
    { logsErrors: true },
  );

  test(
    'a kernel without VXLAN: docker and xnet status say what is missing',
    async (lab) => {
      const script = `#!/bin/sh
      case "$*" in *-batch*) ;; *) exec /usr/sbin/ip "$@" ;; esac
      lines=$(cat)
      case $lines in *'type vxlan'*) echo 'Error: Unknown device type.' >&2; echo 'Command failed -:1' >&2; exit 1 ;; esac
      printf '%s\\n' "$lines" | /usr/sbin/ip "$@"`;
      await lab.in(
        'h1',
        'sh',
        '-c',
        'printf "%s\\n" "$1" >/usr/local/sbin/ip; chmod +x /usr/local/sbin/ip',
        'sh',
        script,
      );
      try {
        await lab.xnet('h1', 'restart');
        await expectProblem(lab, 'h1', /VXLAN.*modprobe/);
        expect(await failsInTime(lab, 'h1', () => lab.docker('h1', ...CREATE, 'late'))).toMatch(
          /VXLAN.*modprobe/,
        );
      } finally {
        await lab.in('h1', 'rm', '/usr/local/sbin/ip');
        await lab.xnet('h1', 'restart');
      }
      await expectNoProblem(lab, 'h1');
    },
    { logsErrors: true },
  );

  test(
    'a wrong etcd password: docker and xnet status say that it was refused',
    async (lab) => {
      const auth = (...args: string[]) => lab.etcd('ctl', ...args);
      await auth('user', 'add', 'root:right');
      await auth('role', 'add', 'root');
      await auth('user', 'grant-role', 'root', 'root');
      await auth('auth', 'enable');
      try {
        await lab.xnet('h1', 'restart', '--', '--etcd-user', 'root', '--etcd-password', 'wrong');
        expect(await failsInTime(lab, 'h1', () => lab.docker('h1', ...CREATE, 'late'))).toMatch(
          /refused|denied|password/i,
        );
        await expect(lab.in('h1', 'xnet', 'status')).rejects.toThrow(
          /ended with 1:.*PROBLEM .*(refused|denied|password)/is,
        );
        await lab.xnet('h1', 'restart', '--', '--etcd-user', 'root', '--etcd-password', 'right');
        await lab.docker('h1', ...CREATE, 'good');
        await lab.docker('h1', 'network', 'rm', 'good');
      } finally {
        await auth('--user', 'root:right', 'auth', 'disable');
        await lab.xnet('h1', 'restart', '--');
      }
      await expectNoProblem(lab, 'h1');
    },
    { logsErrors: true },
  );
});
