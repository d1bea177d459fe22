/** Installing on a host, upgrading in place, and removing, as docs/install.md says. */
import { expect } from '@jest/globals';
import { type Container, createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { BuildDirectory, copyToHost, Installed } from '../support/lab/installed.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { refusalOf } from '../support/programs/command.js';
import { eventually } from '../support/time/eventually.js';
import { countLost } from '../support/traffic/ping.js';

const NEXT_VERSION = '99.0.0';

/** Packages are built, on a machine that others may load. */
const SLOW = { timeoutMs: 400_000 };

/** Takes the port of the only container down, and waits for xnet's repair: less than the 22 s between looks at everything. */
const REPAIRED = `
  namespace=$(ls /run/netns | grep -E '^xnet-[0-9a-f]{12}$')
  port=$(ip -n "$namespace" -o link show type veth | sed 's/^[0-9]*: \\([^@]*\\)@.*/\\1/')
  ip -n "$namespace" link set "$port" down
  for try in $(seq 50); do
    ip -n "$namespace" -o link show "$port" | grep -q ',UP' && exit
    sleep 0.1
  done
  exit 1`;

describeInLab('install', { hosts: 2, systemd: ['h1'] }, (test) => {
  test(
    'from a checkout; an npm package upgrades it in place; uninstall leaves nothing',
    async (lab) => {
      await using build = await BuildDirectory.create();
      const npmPackage = await build.npmInstalled();
      const installed = await Installed.prepare(lab, 'h1');
      await lab.in('h1', '/opt/xnet/plugin/install');
      await installed.configure();
      const { near, far } = await connectHosts(lab);
      await expectBrokenReloadRefused(lab, installed);
      // With the unit's capabilities xnet is told at once what changes.
      await lab.in('h1', 'sh', '-c', REPAIRED);
      // And it may copy packets.
      await lab.in('h1', 'xnet', 'capture', 'shop', '--on', 'h1', '--seconds', '1');

      await copyToHost(lab, 'h1', npmPackage, '/root/package');
      const label = `sed -i 's/"version": .*/"version": "${NEXT_VERSION}",/' /root/package/package.json`;
      await lab.in('h1', 'sh', '-c', label);
      const settings = await installed.settings();
      const lost = await countLost(near, await far.address(), async () => {
        await lab.in('h1', '/root/package/plugin/install');
        await installed.isReady(NEXT_VERSION);
      });
      expect(lost).toBe(0);
      expect(await installed.settings()).toBe(settings);

      const uninstall = ['/usr/local/lib/xnet/plugin/uninstall', '--purge'];
      expect(await refusalOf(lab.in('h1', ...uninstall))).toContain('Docker has the network shop');
      await removeNetwork(lab, near, far);
      await lab.in('h1', ...uninstall);
      expect(await installed.changes()).toEqual([]);
      await installed.isForgottenBy('h2');
    },
    SLOW,
  );

  test(
    'as a Debian package: installed, upgraded in place, killed, rebooted, purged without a trace',
    async (lab) => {
      await using build = await BuildDirectory.create();
      const [first, next] = [await build.deb('0.0.1'), await build.deb(NEXT_VERSION)];
      const installed = await Installed.prepare(lab, 'h1');
      await copyToHost(lab, 'h1', first, '/root/first.deb');
      await copyToHost(lab, 'h1', next, '/root/next.deb');
      await lab.in('h1', 'dpkg', '-i', '/root/first.deb');
      await installed.configure();
      await installed.isReady('0.0.1');
      const { near, far } = await connectHosts(lab);

      const settings = await installed.settings();
      const lost = await countLost(near, await far.address(), async () => {
        await lab.in('h1', 'dpkg', '-i', '/root/next.deb');
        await installed.isReady(NEXT_VERSION);
        await lab.in('h1', 'systemctl', 'kill', '--kill-whom=all', '--signal=KILL', 'xnet');
        await installed.isReady(NEXT_VERSION);
      });
      expect(lost).toBe(0);
      expect(await installed.settings()).toBe(settings);

      await lab.docker('h1', 'update', '--restart', 'always', near.name);
      await lab.run(['reboot', 'h1']);
      await eventually(() => findEachOther(near, far));
      const active = ['systemctl', 'is-active', 'xnet.socket', 'xnet.service', 'docker.service'];
      expect(await lab.in('h1', ...active)).toBe('active\nactive\nactive');
      expect(await lab.in('h1', 'systemctl', '--failed', '--no-legend')).toBe('');

      expect(await refusalOf(lab.in('h1', 'dpkg', '-r', 'xnet'))).toContain('1 containers are connected');
      await removeNetwork(lab, near, far);
      await lab.in('h1', 'dpkg', '-r', 'xnet');
      expect(await installed.settings()).toBe(settings);
      await lab.in('h1', 'dpkg', '-P', 'xnet');
      expect(await installed.changes()).toEqual([]);
      await installed.isForgottenBy('h2');
    },
    SLOW,
  );
});

/** A reload with a configuration that is wrong fails, and the daemon that runs goes on, until it is right again. */
async function expectBrokenReloadRefused(lab: Lab, installed: Installed): Promise<void> {
  const settings = await installed.settings();
  const write = (text: string) => lab.in('h1', 'sh', '-c', 'printf %s "$1" >/etc/xnet/xnet.json', 'sh', text);
  const daemon = () => lab.in('h1', 'sh', '-c', 'pgrep -P $(systemctl show -P MainPID xnet) -o');
  const before = await daemon();
  await write('{ "store": "etcd://etcd1", "vxlanPort": }');
  expect(await refusalOf(lab.in('h1', 'systemctl', 'reload', 'xnet'))).toContain(
    'Job for xnet.service failed',
  );
  await eventually(async () => {
    const status = await refusalOf(lab.in('h1', 'xnet', 'status'));
    expect(status).toMatch(/PROBLEM +the reload at .* was refused.*xnet\.json is not JSON/);
  });
  expect(await daemon()).toBe(before);
  await lab.docker('h1', 'network', 'create', '-d', 'xnet', 'after-a-refused-reload');
  await lab.docker('h1', 'network', 'rm', 'after-a-refused-reload');
  await write(settings);
  await lab.in('h1', 'systemctl', 'reload', 'xnet');
  await eventually(async () => expect(await daemon()).not.toBe(before));
  await eventually(() => installed.status());
}

/** A network over both hosts, with a container on each that finds the other by name. */
async function connectHosts(lab: Lab): Promise<{ near: Container; far: Container }> {
  await createMirroredNetwork(lab, 'shop');
  const near = await runContainer(lab, 'h1', 'shop', { name: 'near' });
  const far = await runContainer(lab, 'h2', 'shop', { name: 'far' });
  await findEachOther(near, far);
  return { near, far };
}

async function findEachOther(near: Container, far: Container): Promise<void> {
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    await eventually(async () => expect(await from.dig(to.name)).toEqual([await to.address()]));
    expect(await from.greetOverTcp(to.name)).toBe(to.name);
  }
}

async function removeNetwork(lab: Lab, ...containers: Container[]): Promise<void> {
  for (const { host, name } of containers) await lab.docker(host, 'rm', '-f', name);
  await lab.docker('h1', 'network', 'rm', 'shop');
}
