/** A LAN is asked who has an address: by devices of the kernel, of both families, without leaving a trace with anybody. */
import { expect, test } from '@jest/globals';
import { askLan } from '../../../src/dataplane/lan/asking/ask-lan.js';
import { Netns } from '../../support/kernel/netns.js';
import { eventually } from '../../support/time/eventually.js';

const PRINTER = '02:00:00:00:00:09';
const CHILD = '02:00:00:00:00:0a';

/** `host` and `device` on one cable; the device has .9, and a macvlan child in `child` .10; none of them is the host's. */
async function makeLan(host: Netns, device: Netns, child: Netns): Promise<void> {
  await host.ip(`link add eth1 type veth peer name eth1 netns ${device.name}`);
  await device.ip(`link set eth1 address ${PRINTER} up`);
  await host.ip('link set eth1 up');
  await device.ip('addr add 10.77.0.9/24 dev eth1');
  await device.ip('addr add fd77::9/64 dev eth1 nodad');
  await device.ip(`link add link eth1 name child address ${CHILD} type macvlan mode bridge`);
  await device.ip(`link set child netns ${child.name}`);
  await child.ip('link set child up');
  await child.ip('addr add 10.77.0.10/24 dev child');
  await child.ip('addr add fd77::a/64 dev child nodad');
}

async function ask(host: Netns, addresses: readonly string[], waitMs = 60) {
  const mac = (JSON.parse(await host.ip('-j link show eth1')) as [{ address: string }])[0].address;
  const namespacePath = `/run/netns/${host.name}`;
  return askLan({ namespacePath, interface: 'eth1', mac, addresses, waitMs });
}

test('whoever has an address answers with its MAC; nobody else does', async () => {
  await using host = await Netns.create('host');
  await using device = await Netns.create('device');
  await using child = await Netns.create('child');
  await makeLan(host, device, child);
  const free = Array.from({ length: 600 }, (_, i) => `10.77.${1 + (i >> 8)}.${i & 0xff}`);
  const addresses = ['10.77.0.9', 'fd77::9', '10.77.0.10', 'fd77::a', '10.77.0.11', 'fd77::b', ...free];
  await eventually(async () => {
    const answers = await ask(host, addresses);
    expect(Object.fromEntries(answers)).toEqual({
      '10.77.0.9': PRINTER,
      'fd77::9': PRINTER,
      '10.77.0.10': CHILD,
      'fd77::a': CHILD,
    });
  });
  // Nobody has written the host into a cache.
  const neighbours = await Promise.all([device, child].map((each) => each.ip('neigh show')));
  expect(neighbours.join('')).not.toContain('10.77.0.1 ');
  expect((await host.ip('neigh show')).includes('10.77.0.9')).toBe(false);
});

test('a host without IPv6 gets the answers of IPv6', async () => {
  await using host = await Netns.create('host');
  await using device = await Netns.create('device');
  await using child = await Netns.create('child');
  await host.exec('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
  await makeLan(host, device, child);
  await eventually(async () => expect((await ask(host, ['fd77::9'])).get('fd77::9')).toBe(PRINTER));
});

test('an interface that is down, or is not there', async () => {
  await using host = await Netns.create('host');
  await using device = await Netns.create('device');
  await using child = await Netns.create('child');
  await makeLan(host, device, child);
  await host.ip('link set eth1 down');
  expect(await ask(host, ['10.77.0.9'])).toEqual(new Map());
  const question = { namespacePath: `/run/netns/${host.name}`, interface: 'eth2', mac: PRINTER };
  await expect(askLan({ ...question, addresses: ['10.77.0.9'], waitMs: 10 })).rejects.toThrow(
    'there is no interface eth2',
  );
});
