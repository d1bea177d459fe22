import { expect } from '@jest/globals';
import {
  CREATE,
  createMirroredNetwork,
  createSharedNetwork,
  runContainer,
  succeeds,
} from '../support/containers.js';
import { expectForgotten } from '../support/forgotten.js';
import type { Lab } from '../support/lab.js';
import { describeInLab } from '../support/lab-suite.js';
import { eventually } from '../support/netns.js';
import { SETTLE_MS } from '../support/networks.js';

/** The error of a call that must fail within 10 s (and what starting `docker` takes). */
async function failsInTime(call: Promise<unknown>): Promise<string> {
  const started = performance.now();
  const message = await call.then(
    () => 'it succeeded',
    (error: Error) => error.message,
  );
  expect(performance.now() - started).toBeLessThan(11_000);
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
          expect(await failsInTime(lab.docker('h1', ...CREATE, 'late'))).toContain(endpoint);
          expect(await failsInTime(runContainer(lab, 'h2', 'shop', { name: 'late' }))).toContain(endpoint);
          expect(await one.greetOverTcp(address)).toBe('two');
          await expect(lab.in('h1', 'xnet', 'status')).rejects.toThrow(endpoint);
        } finally {
          await lab.etcd(end);
        }
        await eventually('networks are made', () => succeeds(lab.docker('h1', ...CREATE, 'late')), 10_000);
        const three = await runContainer(lab, 'h3', 'shop', { name: 'three' });
        expect(await one.greetOverTcp(await three.address())).toBe('three');
        expect(await three.greetOverTcp(address)).toBe('two');
        await lab.in('h1', 'xnet', 'status');
      },
      { timeoutMs: 120_000, logsErrors: true },
    );
  }

  test(
    'a container removed while etcd is down leaves nothing once etcd is back',
    async (lab) => {
      await createMirroredNetwork(lab, 'shop', ['--subnet', '10.81.0.0/24']);
      const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
      const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
      const address = await one.address();
      await eventually('two finds one', async () => (await two.dig('one')).includes(address), SETTLE_MS);
      await lab.etcd('stop');
      try {
        await lab.docker('h1', 'rm', '-f', one.name);
      } finally {
        await lab.etcd('start');
      }
      await expectForgotten({ name: one.name, address }, two, SETTLE_MS);
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
        await expect(lab.in('h1', 'xnet', 'status')).rejects.toThrow(/ended with 1:.*PROBLEM .*nope/s);
        expect(await failsInTime(lab.docker('h1', ...CREATE, 'late'))).toContain('nope');
      } finally {
        await lab.xnet('h1', 'restart', '--');
      }
      await eventually('it is well', () => succeeds(lab.in('h1', 'xnet', 'status')));
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
        await eventually('a problem shows', async () => !(await succeeds(lab.in('h1', 'xnet', 'status'))));
        await expect(lab.in('h1', 'xnet', 'status')).rejects.toThrow(/PROBLEM .*VXLAN.*modprobe/);
        expect(await failsInTime(lab.docker('h1', ...CREATE, 'late'))).toMatch(/VXLAN.*modprobe/);
      } finally {
        await lab.in('h1', 'rm', '/usr/local/sbin/ip');
        await lab.xnet('h1', 'restart');
      }
      await eventually('it is well', () => succeeds(lab.in('h1', 'xnet', 'status')));
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
        expect(await failsInTime(lab.docker('h1', ...CREATE, 'late'))).toMatch(/refused|denied|password/i);
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
      await eventually('it is well', () => succeeds(lab.in('h1', 'xnet', 'status')));
    },
    { logsErrors: true },
  );
});
