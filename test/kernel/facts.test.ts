/** That this is another kernel, which xnet can use, and that it has what the tests beside this one need. */
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { Netns } from '../support/kernel/netns.js';
import { TestUnderlay } from '../support/kernel/netns-hosts.js';

test('the kernel is an older one, and xnet can use it', async () => {
  expect(await readFile('/proc/sys/kernel/osrelease', 'utf8')).toMatch(/^6\.1\./);
  await using underlay = await TestUnderlay.create(1);
  const [host] = underlay.hosts;
  expect(await host!.dataplane.findUnderlay()).toMatchObject({ vtep: host!.vtep });
});

test.each(['vlan id 10', 'macvlan mode bridge', 'ipvlan mode l2', 'ipvlan mode l3', 'ipvlan mode l3s'])(
  'it makes a device of type %s on another',
  async (type) => {
    await using netns = await Netns.create('facts');
    await netns.ip('link add parent type dummy');
    await netns.ip(`link add link parent name child type ${type}`);
    const [kind = '', property = '', value = ''] = type.split(' ');
    expect(await netns.ip('-d link show dev child')).toMatch(new RegExp(`${kind} .*${property} ${value}`));
  },
);

test('it makes a WireGuard device', async () => {
  await using netns = await Netns.create('facts');
  await netns.ip('link add wg0 type wireguard');
  expect(await netns.ip('-d link show dev wg0')).toContain('wireguard');
});

test('it delays packets with netem', async () => {
  await using netns = await Netns.create('facts');
  await netns.exec('tc', ...'qdisc add dev lo root netem delay 700ms'.split(' '));
  const words = await netns.exec('ping', '-n', '-c', '1', '-W', '15', '127.0.0.1');
  expect(Number(/time=([\d.]+)/.exec(words)?.[1])).toBeGreaterThan(1_400);
});
