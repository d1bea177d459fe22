/** Encrypted networks: nothing of them is on the underlay in clear, whatever stops or is taken away, and packets pass again by themselves. */
import { expect } from '@jest/globals';
import {
  type Container,
  CREATE,
  createMirroredNetwork,
  runContainer,
} from '../support/containers/containers.js';
import { Netns } from '../support/kernel/netns.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { refusalOf } from '../support/programs/command.js';
import { eventually } from '../support/time/eventually.js';
import { expectInTime } from '../support/time/in-time.js';
import { countLost } from '../support/traffic/ping.js';
import { Sniffer } from '../support/traffic/sniffer.js';

const ENCRYPTED = ['-o', 'xnet.encrypt=on'];
/** Of an underlay of 1500: WireGuard over IPv4 adds 60, VXLAN over IPv6 70, IP and ICMP of the ping 28. */
const FULL_SIZE = `${1500 - 60 - 70 - 28}`;
const PROGRAM = '/usr/bin/wireguard-go';
/** Where a greeting was lost, the other end finds after 15 s that what it sends is not read (WireGuard's KEEPALIVE and REKEY timeouts). */
const PASSES_MS = 60_000;
/** From the end of the command that removes a host until no other one takes its packets. */
const REMOVED_MS = 1000;

/** All VXLAN and WireGuard that passes the switch, and what containers send, should it be there as it is. */
async function watchUnderlay(lab: Lab) {
  const vni = await lab.in(
    'h1',
    'sh',
    '-c',
    `xnet networks -o json | grep -o '"vni": *[0-9]*' | grep -o '[0-9]*'`,
  );
  const netns = Netns.of(`xnet-lab-${lab.name}-switch`);
  const sniffer = await Sniffer.start(
    netns,
    'sw0',
    'udp port 4789 or udp port 51820 or udp port 51821 or net 10.192.0.0/12',
  );
  const clear = new RegExp(`vni ${vni}\\b|10\\.(19[2-9]|20[0-7])\\.`);
  return {
    expectNothingInClear: () => expect(sniffer.saw(clear)).toBe(false),
    sees: (pattern: RegExp) => sniffer.sees(pattern),
    [Symbol.asyncDispose]: () => sniffer[Symbol.asyncDispose](),
  };
}

/** A container on each host, which Docker starts again after a reboot. */
async function vault(lab: Lab): Promise<[Container, Container, Container]> {
  await createMirroredNetwork(lab, 'vault', ENCRYPTED);
  const run = (host: string, name: string) =>
    runContainer(lab, host, 'vault', { name, options: ['--restart', 'always'] });
  return Promise.all([run('h1', 'one'), run('h2', 'two'), run('h3', 'three')]);
}

const sealed = (container: Container, address: string) =>
  container.reaches(address, '-M', 'do', '-s', FULL_SIZE);
const killProgram = (lab: Lab, host: string) => lab.in(host, 'sh', '-c', 'kill -KILL $(pidof wireguard-go)');
const status = (lab: Lab, host: string) => lab.in(host, 'sh', '-c', 'xnet status || test $? = 1');

describeInLab('encryption', { hosts: 3 }, (test) => {
  test(
    'full packets pass by name, never in clear: xnet dead, its program dead, nft flushed, etcd away, a host rebooted',
    async (lab) => {
      const [a, b, c] = await vault(lab);
      await using underlay = await watchUnderlay(lab);
      const [toB, toC] = [await b.address(), await c.address()];
      const passes = () =>
        eventually('packets pass', async () => (await sealed(a, toB)) && (await sealed(b, toC)), PASSES_MS);
      const isFiltered = () =>
        eventually(() => lab.in('h1', 'nft', 'list', 'counter', 'inet', 'xnet', 'in_clear'));
      await passes();
      expect(await a.greetOverTcp('two')).toBe('two');
      expect(await c.greetOverTcp('one')).toBe('one');
      // An echo of full size; what hosts measure of their paths, unencrypted, shows that VXLAN would be seen.
      await underlay.sees(/\.51820: UDP, length 14\d\d/);
      await underlay.sees(/VXLAN.* vni \d+/);
      await eventually(async () => expect(await status(lab, 'h1')).toMatch(/last handshake 20\d\d-/));

      // Also of the other one's end; hops and probe have no fault, or the exit code is 1.
      expect(await lab.in('h1', 'xnet', 'trace', 'one', 'two')).toMatch(
        /h1 +encryption +packets to h2 are encrypted +by xnet-wg0 to [\s\S]* h2 +encryption +packets to h1/,
      );

      await lab.xnet('h1', 'kill');
      expect(await sealed(a, toB)).toBe(true);
      await killProgram(lab, 'h1');
      await lab.in('h1', 'nft', 'flush', 'ruleset');
      expect(await a.reaches(toB, '-w', '2')).toBe(false);
      await lab.xnet('h1', 'start');
      await passes();
      await isFiltered();

      await lab.etcd('stop');
      await killProgram(lab, 'h1');
      await passes();
      await lab.in('h1', 'nft', 'flush', 'ruleset');
      await passes();
      await isFiltered();
      await lab.etcd('start');

      await lab.run(['reboot', 'h1']);
      await passes();
      expect(await a.greetOverTcp('three')).toBe('three');
      await eventually(async () =>
        expect(await lab.in('h1', 'xnet', 'events')).toMatch(/repair +encryption/),
      );
      underlay.expectNothingInClear();
    },
    { logsErrors: true },
  );

  test(
    'a host without the program is refused, with the remedy, and says so; nothing goes around it',
    async (lab) => {
      const [a, b] = await vault(lab);
      await using underlay = await watchUnderlay(lab);
      expect(await sealed(a, await b.address())).toBe(true);
      await lab.in('h2', 'mv', PROGRAM, `${PROGRAM}.away`);
      await killProgram(lab, 'h2');
      // The kernel takes the device away some time after the signal.
      await eventually('the device is gone', () =>
        lab.in('h2', 'sh', '-c', '! test -e /sys/class/net/xnet-wg0'),
      );
      const remedy =
        /no WireGuard, and wireguard-go does not run[\s\S]*install Debian's packages wireguard-go/;
      try {
        const start = lab.docker('h2', 'run', '-d', '--network', 'vault', 'tools', 'sleep', '1d');
        expect(await refusalOf(start)).toMatch(remedy);
        expect(await refusalOf(lab.docker('h2', ...CREATE, ...ENCRYPTED, 'other'))).toMatch(remedy);
        await eventually(async () =>
          expect(await status(lab, 'h2')).toMatch(/PROBLEM.*this host cannot encrypt/),
        );
        const doctor = await lab.in('h2', 'sh', '-c', 'xnet doctor || test $? = 1');
        expect(doctor).toMatch(/failure +encryption +this host does not encrypt: .*wireguard-go/);
        expect(await a.reaches(await b.address(), '-w', '2')).toBe(false);
      } finally {
        await lab.in('h2', 'mv', `${PROGRAM}.away`, PROGRAM);
      }
      await eventually('packets pass', async () => sealed(a, await b.address()), PASSES_MS);
      underlay.expectNothingInClear();
    },
    { logsErrors: true },
  );

  test('a key is changed without a lost packet; that of a removed host is taken off the others at once', async (lab) => {
    const [a, b, c] = await vault(lab);
    await using underlay = await watchUnderlay(lab);
    expect(await sealed(a, await b.address())).toBe(true);
    const devices = () => lab.in('h1', 'wg', 'show', 'interfaces');
    const lost = await countLost(
      a,
      await b.address(),
      async () => {
        await lab.in('h1', 'xnet', 'host', 'rotate-key');
        await eventually(async () => expect(await devices()).toBe('xnet-wg1'), 60_000);
      },
      { intervalS: 0.05 },
    );
    expect(lost).toBe(0);
    await underlay.sees(/\.51821: UDP, length/);

    const key = await lab.in('h3', 'wg', 'show', 'xnet-wg0', 'public-key');
    for (const [host, device] of [
      ['h1', 'xnet-wg1'],
      ['h2', 'xnet-wg0'],
    ] as const)
      expect(await lab.in(host, 'wg', 'show', device, 'peers')).toContain(key);
    await lab.docker('h3', 'rm', '-f', c.name);
    await lab.run(['poweroff', 'h3']);
    await eventually(
      'h3 is silent',
      async () => (await lab.in('h1', 'xnet', 'hosts')).split('\n').some((line) => /h3.*silent/.test(line)),
      60_000,
    );
    const gone = (['h1', 'h2'] as const).map((host) => {
      const until = 'while wg show all peers | grep -qF "$0"; do sleep 0.02; done; date +%s%3N';
      return lab.in(host, 'timeout', '60', 'sh', '-c', until, key);
    });
    await lab.in('h1', 'xnet', 'host', 'rm', 'h3');
    const removedAt = Date.now();
    const took = (await Promise.all(gone)).map((at) => Number(at) - removedAt);
    console.info(`the key was gone ${took.join(' and ')} ms after the removal of its host`);
    for (const ms of took) expectInTime(ms, REMOVED_MS);
    await lab.run(['reboot', 'h3']);
    underlay.expectNothingInClear();
  });
});
