/** A network on a LAN with the older versions of Docker, which give every network a gateway. */
import { expect } from '@jest/globals';
import { type Container, createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

const MACVLAN = ['-o', 'xnet.mode=macvlan'];

describeInLab('lan engines', { hosts: 2, engines: { h1: '26', h2: '20.10' }, lan: true }, (test) => {
  test('containers of Docker 26.1 and 20.10 find each other and the outside on the LAN', async (lab) => {
    const network = (await lab.lan('ip', '0')).trim();
    const gateway = (await lab.lan('ip', '254')).trim();
    // Hosts have the lowest addresses of the LAN themselves.
    const range = (await lab.lan('ip', '64')).trim();
    const subnet = ['--subnet', `${network}/24`, '--gateway', gateway, '--ip-range', `${range}/26`];
    await createMirroredNetwork(lab, 'office', [...MACVLAN, '-o', 'parent=eth1', ...subnet]);
    await createMirroredNetwork(lab, 'inside', [...MACVLAN, '--internal']);
    const [one, two] = (await Promise.all(
      lab.hosts.map((host) => runContainer(lab, host, 'office', { name: `web-${host}` })),
    )) as [Container, Container];
    for (const [from, to] of [
      [one, two],
      [two, one],
    ] as const)
      await eventually(async () => expect(await from.greetOverTcp(to.name)).toBe(to.name));
    for (const each of [one, two]) {
      expect(await each.reaches('203.0.113.1')).toBe(true);
      expect((await each.exec('ls', '/sys/class/net')).trim().split(/\s+/)).toEqual(['eth0', 'lo']);
    }
    for (const host of lab.hosts) {
      const alone = await runContainer(lab, host, 'inside', { name: `in-${host}` });
      expect(await alone.exec('ip', 'route')).not.toContain('default');
    }
  });
});
