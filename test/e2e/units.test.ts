/** The systemd units of plugin/, as far as a host without systemd as its first process can show. */
import { expect } from '@jest/globals';
import { CREATE, createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { expectNoProblem, expectProblem } from '../support/containers/networks.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

const INSTALL = `
  units=/etc/systemd/system
  cp /opt/xnet/plugin/xnet.socket /opt/xnet/plugin/xnet.service $units
  mkdir -p $units/docker.service.d
  cp /opt/xnet/plugin/docker.service.d/xnet.conf $units/docker.service.d`;

describeInLab('units', { hosts: 2 }, (test) => {
  test('systemd accepts them, with those of Docker', async (lab) => {
    const verify = 'systemd-analyze verify xnet.socket xnet.service docker.service 2>&1';
    expect(await lab.in('h1', 'sh', '-c', `${INSTALL}; ${verify}`)).toBe('');
  });

  test('a call of Docker that comes before xnet runs starts it and is answered, also after a stop', async (lab) => {
    await lab.run(['xnet', 'h1', 'units']);
    try {
      await lab.docker('h1', ...CREATE, 'shop');
      await lab.xnet('h1', 'stop');
      await lab.docker('h1', 'network', 'rm', 'shop');
      expect(await lab.run(['logs', 'h1', 'dockerd'])).not.toContain('Unable to connect to plugin');
    } finally {
      await lab.run(['xnet', 'h1', 'units', 'off']);
      await lab.xnet('h1', 'start');
    }
  });

  const RELOAD = 'kill -HUP $(cat /run/lab/xnet.pid)';
  test('a reload with a setting that is wrong leaves the daemon that runs, which says so, until it is right', async (lab) => {
    const write = (text: string) =>
      lab.in('h1', 'sh', '-c', `mkdir -p /etc/xnet; echo '${text}' >/etc/xnet/xnet.json`);
    const daemon = () => lab.in('h1', 'sh', '-c', 'pgrep -o -P $(cat /run/lab/xnet.pid)');
    const before = await daemon();
    for (const [settings, problem] of [
      ['{ "vxlanPrt": 4790 }', /the reload at .* was refused.*vxlanPrt .*did you mean vxlanPort/],
      ['{ "interface": "eth7" }', /the reload at .* was refused.*--interface eth7 is not on this host/],
    ] as const) {
      await write(settings);
      await lab.in('h1', 'sh', '-c', RELOAD);
      await expectProblem(lab, 'h1', problem);
      expect(await daemon()).toBe(before);
      await createMirroredNetwork(lab, 'shop');
      await lab.docker('h1', 'network', 'rm', 'shop');
    }
    await lab.in('h1', 'rm', '-r', '/etc/xnet');
    await lab.xnet('h1', 'upgrade');
    await expectNoProblem(lab, 'h1');
    expect(await daemon()).not.toBe(before);
  });

  test('when keeper and daemon are killed, fail-open gives look-ups back to Docker, until xnet has started', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
    await runContainer(lab, 'h1', 'shop', { name: 'near' });
    await runContainer(lab, 'h2', 'shop', { name: 'far' });
    const finds = async (name: string) => (await one.dig(name).catch(() => [])).length > 0;
    await eventually(async () => expect(await finds('far')).toBe(true));
    await lab.xnet('h1', 'kill');
    expect(await finds('near')).toBe(false);
    await lab.in('h1', '/opt/xnet/plugin/fail-open');
    expect(await finds('near')).toBe(true);
    await lab.xnet('h1', 'start');
    await eventually(async () => expect(await finds('far')).toBe(true));
  });
});
