/** What the kernel lists over netlink is what iproute2 prints of it. */
import { expect, test } from '@jest/globals';
import { Iproute2 } from '../../../src/dataplane/iproute2/iproute2.js';
import { listLinks, listLinksOf } from '../../../src/native/netlink/links.js';
import { listFdb, listNeighbours } from '../../../src/native/netlink/neighbours.js';
import { listNumbers } from '../../../src/native/netlink/numbered-namespaces.js';
import { listEach } from '../../../src/native/netlink/route.js';
import { Netns } from '../../support/kernel/netns.js';

type Words = Record<string, unknown>;

const pathOf = ({ name }: Netns) => `/run/netns/${name}`;

/** A network's devices, and a port whose settings are all other than they begin. */
async function makeNetwork(netns: Netns): Promise<void> {
  for (const line of [
    'link add br0 mtu 1450 group 1 address 0a:00:00:00:00:01 type bridge mcast_snooping 0 stp_state 0',
    'link set br0 addrgenmode none up',
    'link add vxlan0 mtu 1450 group 1 type vxlan id 4242 local fd00::1 dstport 4789 nolearning',
    'link set vxlan0 master br0 addrgenmode none up',
    'link set vxlan0 type bridge_slave learning off flood off neigh_suppress on mcast_flood off',
    'link add xc0 group 2 type veth peer name eth0',
    'link set xc0 master br0 up',
    'link set xc0 type bridge_slave isolated on hairpin on guard on',
    'link set xc0 alias xnet:0123456789ab:abcdefabcdef',
    'link property add dev xc0 altname other',
    'link add child link eth0 type macvlan mode vepa',
    'neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev br0 nud permanent',
    'neigh add fd01::9 lladdr 02:00:00:00:00:09 dev br0 nud permanent',
  ])
    await netns.ip(line);
  for (const line of [
    'fdb add 02:00:00:00:00:09 dev vxlan0 dst fd00::2 self master static',
    'fdb append 00:00:00:00:00:00 dev vxlan0 dst fd00::2 self permanent',
    'fdb add 02:00:00:00:00:01 dev xc0 master static',
  ])
    await netns.bridge(line);
}

/** Those of `words` that `of` has, too. */
const shared = (words: Words, of: Words): Words =>
  Object.fromEntries(Object.keys(of).map((key) => [key, words[key]]));

test('devices, with their settings', async () => {
  await using netns = await Netns.create('lists');
  await makeNetwork(netns);
  const printed: Words[] = JSON.parse(await netns.ip('-d -j link show'));
  const listed = await listLinks(pathOf(netns));
  expect(listed.map(({ ifname }) => ifname)).toEqual(printed.map(({ ifname }) => ifname));
  for (const [i, { index, flags, linkinfo = {}, ...link }] of listed.entries()) {
    const { linkinfo: printedInfo = {}, ...rest } = printed[i] as { linkinfo?: Words } & Words;
    // In the same namespace iproute2 prints the name.
    const below = listed.find(({ ifname }) => ifname === rest.link);
    const words: Words = { ...rest, ...(below && { link_index: below.index }) };
    expect(shared(words, link)).toEqual(link);
    expect(words.ifindex).toBe(index);
    for (const flag of ['UP', 'NOARP', 'LOWER_UP'])
      expect((words.flags as string[]).includes(flag)).toBe(flags.includes(flag));
    for (const [part, values] of Object.entries(linkinfo))
      expect(
        typeof values === 'object' ? shared(printedInfo[part] as Words, values) : printedInfo[part],
      ).toEqual(values);
  }
  const byName = new Map(listed.map((link) => [link.ifname, link]));
  expect(byName.get('child')?.linkinfo?.info_data).toEqual({ mode: 'vepa' });
  expect(byName.get('xc0')).toMatchObject({ altnames: ['other'], link_type: 'ether' });
  expect(byName.get('br0')?.linkinfo?.info_data).toEqual({ stp_state: 0, mcast_snooping: 0 });
  expect(byName.get('vxlan0')?.linkinfo?.info_data).toMatchObject({
    id: 4242,
    local6: 'fd00::1',
    port: 4789,
  });
  expect(Object.keys(byName.get('xc0')?.linkinfo?.info_slave_data ?? {})).toHaveLength(7);
});

test('devices of namespaces by their numbers: none of one that is gone, and what else fails is not taken for none', async () => {
  await using netns = await Netns.create('lists');
  await using other = await Netns.create('other');
  await netns.ip('link add moved type veth peer name stays');
  await netns.ip(`link set moved netns ${other.name}`);
  const path = pathOf(netns);
  const [number] = await listNumbers(path);
  const lists = await listLinksOf(path, [number!, 9999, number!]);
  expect(lists.map((links) => links.map(({ ifname }) => ifname))).toEqual([
    ['lo', 'moved'],
    [],
    ['lo', 'moved'],
  ]);
  const nonsense = { type: 0x7fff, header: Buffer.alloc(16) };
  const asked = listEach(path, [nonsense], 'nonsense', () => undefined);
  await expect(asked).rejects.toMatchObject({ code: 'KERNEL' });
});

test('forwarding entries and neighbours', async () => {
  await using netns = await Netns.create('lists');
  await makeNetwork(netns);
  const names = new Map((await listLinks(pathOf(netns))).map(({ index, ifname }) => [index, ifname]));
  const nameOf = (index: number | undefined) => (index === undefined ? undefined : names.get(index));
  const entry = (...parts: unknown[]) => parts.join(' ');
  const fdb: Words[] = JSON.parse(await netns.bridge('-j fdb show'));
  const listed = await listFdb(pathOf(netns));
  expect(
    listed
      .map((each) => entry(each.mac, nameOf(each.interface), each.address, nameOf(each.master), each.state))
      .sort(),
  ).toEqual(fdb.map(({ mac, ifname, dst, master, state }) => entry(mac, ifname, dst, master, state)).sort());
  const neighbours: Words[] = JSON.parse(await netns.ip('-j neigh show nud permanent'));
  const permanent = (await listNeighbours(pathOf(netns))).filter(({ state }) => state === 'permanent');
  expect(permanent.map((each) => entry(each.address, nameOf(each.interface), each.mac)).sort()).toEqual(
    neighbours.map(({ dst, dev, lladdr }) => entry(dst, dev, lladdr)).sort(),
  );
});

test('a list of thousands is whole', async () => {
  await using netns = await Netns.create('lists');
  const mac = (n: number) => `02:00:00:00:${(n >> 8).toString(16)}:${(n & 255).toString(16)}`;
  await netns.ip('link add d0 type vxlan id 7 dstport 4789 local 127.0.0.1');
  const lines = Array.from(
    { length: 3000 },
    (_, n) => `fdb add ${mac(n)} dev d0 dst 10.0.0.1 self permanent`,
  );
  const iproute2 = new Iproute2(undefined);
  await iproute2.batch('bridge', netns.name, lines);
  await iproute2.close();
  expect((await listFdb(pathOf(netns))).filter(({ address }) => address === '10.0.0.1')).toHaveLength(3000);
});

test('where no namespace is, nothing is listed', async () => {
  await expect(listLinks('/run/netns/xnet-none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(listLinks('/dev/null')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
