import { expect } from '@jest/globals';
import { type Container, createSharedNetwork, runContainer } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';

async function expectIpv6Between(one: Container, two: Container): Promise<void> {
  for (const [from, to] of [
    [one, two],
    [two, one],
  ] as const) {
    const address = await to.address6();
    expect(await from.reaches(address)).toBe(true);
    expect(await from.greetOverTcp(address)).toBe(to.name);
    expect(await from.greetOverUdp(address)).toBe(to.name);
  }
}

describeInLab('IPv6', { hosts: 3 }, (test) => {
  test('a dual-stack network carries both families across hosts', async (lab) => {
    const subnets = ['--ipv6', '--subnet', '10.80.0.0/24', '--subnet', 'fd80::/64'];
    await createSharedNetwork(lab, 'shop', subnets, ['h1', 'h2']);
    const one = await runContainer(lab, 'h1', 'shop');
    const two = await runContainer(lab, 'h2', 'shop');
    expect(await one.address6()).toMatch(/^fd80::/);
    expect(await one.reaches(await two.address())).toBe(true);
    await expectIpv6Between(one, two);
  });

  test('an IPv6 network without a subnet gets one, the same on all hosts', async (lab) => {
    await createSharedNetwork(lab, 'shop', ['--ipv6']);
    const one = await runContainer(lab, 'h1', 'shop');
    const three = await runContainer(lab, 'h3', 'shop');
    expect(await one.address6()).toMatch(/^fd78:6e65:74/);
    await expectIpv6Between(one, three);
  });

  test('--ip6 is what the container has', async (lab) => {
    const subnets = ['--ipv6', '--subnet', '10.81.0.0/24', '--subnet', 'fd81::/64', '--gateway', 'fd81::fe'];
    await createSharedNetwork(lab, 'shop', subnets, ['h1', 'h2']);
    const options = ['--ip6', 'fd81::77', '--ip', '10.81.0.77'];
    const web = await runContainer(lab, 'h1', 'shop', { name: 'web', options });
    const client = await runContainer(lab, 'h2', 'shop');
    expect(await web.address6()).toBe('fd81::77');
    expect(await client.greetOverTcp('fd81::77')).toBe('web');
  });

  test('the underlay may be IPv6: --vtep chooses it, and the MTU leaves room for its headers', async (lab) => {
    const { hosts } = lab;
    const underlays = await Promise.all(hosts.map((host) => underlayAddress6(lab, host)));
    await Promise.all(
      hosts.map((host, index) => lab.xnet(host, 'restart', '--', '--vtep', underlays[index] as string)),
    );
    await createSharedNetwork(lab, 'shop', [], hosts);
    const one = await runContainer(lab, 'h1', 'shop');
    const two = await runContainer(lab, 'h2', 'shop');
    expect(await one.reaches(await two.address())).toBe(true);
    expect(await one.greetOverTcp(await two.address())).toBe(two.name);
    expect(await one.exec('cat', '/sys/class/net/eth0/mtu')).toBe('1430');
    expect(await lab.in('h1', 'xnet', 'status')).toContain(underlays[1]);
    await Promise.all(hosts.map((host) => lab.xnet(host, 'restart', '--')));
  });
});

/** The host's own IPv6 address on the lab's switch. */
async function underlayAddress6(lab: Lab, host: string): Promise<string> {
  const links = JSON.parse(
    await lab.in(host, 'ip', '-j', '-6', 'address', 'show', 'dev', 'eth0', 'scope', 'global'),
  );
  return links[0].addr_info[0].local;
}
