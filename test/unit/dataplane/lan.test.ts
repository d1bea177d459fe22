/** What is made of the host's interfaces for a network on a LAN, and what its events mean. */
import { describe, expect, test } from '@jest/globals';
import type { NetworkSpec } from '../../../src/dataplane/dataplane.js';
import { type Child, rivalAmong } from '../../../src/dataplane/lan/children.js';
import { desiredReach, diffReach } from '../../../src/dataplane/lan/host/host-interface.js';
import { LanEvents, networkOfDeletedChild } from '../../../src/dataplane/lan/lan-events.js';
import { Lans } from '../../../src/dataplane/lan/lans.js';
import { describeParent, findParent } from '../../../src/dataplane/lan/parent/find-parent.js';
import { planSegment, releaseLines } from '../../../src/dataplane/lan/parent/segment.js';
import type { IpvlanSpec, MacvlanSpec } from '../../../src/dataplane/modes.js';
import type { ListedLink } from '../../../src/native/netlink/links.js';

const ID = '0123456789ab';
const OTHER_ID = 'ba9876543210';
const MODE = { kind: 'macvlan', submode: 'bridge', parent: 'eth1', gateways: [] } satisfies MacvlanSpec;
const ON_10 = { ...MODE, vlan: 10 };
const NETWORK: NetworkSpec = { id: ID, vni: 1, mtu: 65_535, multicast: true, mode: MODE };

const UP = ['UP', 'LOWER_UP'];
const ETH1: ListedLink = {
  ...{ index: 2, ifname: 'eth1', link_type: 'ether', flags: UP, mtu: 1500 },
  ...{ group: 'default', address: '02:00:00:00:00:01' },
};
const SUB: ListedLink = {
  ...{ ...ETH1, index: 5, ifname: 'eth1.10', link_index: 2, ifalias: 'xnet', altnames: [`xl${ID}`] },
  linkinfo: { info_kind: 'vlan', info_data: { id: 10 } },
};
const CHILD: ListedLink = {
  ...{ ...ETH1, index: 7, ifname: 'mv0', link_index: 2 },
  linkinfo: { info_kind: 'macvlan', info_data: { mode: 'bridge' } },
};

describe('the parent of a LAN', () => {
  const parentOf = (links: readonly ListedLink[], mode: MacvlanSpec) => {
    const found = findParent(links, mode);
    return found && describeParent(found, mode);
  };

  test.each([
    ['is the interface itself', [ETH1], MODE, { interface: 'eth1', isUp: true, isMade: true }],
    [
      'is named with what is down below it',
      [{ ...ETH1, flags: [] }, SUB],
      ON_10,
      { interface: 'eth1.10', down: 'eth1', base: 'eth1' },
    ],
    [
      'is named when it is itself down',
      [ETH1, { ...SUB, flags: [] }],
      ON_10,
      { isUp: false, down: 'eth1.10' },
    ],
    [
      'is named with what is down before it is made',
      [{ ...ETH1, flags: [] }],
      ON_10,
      { isMade: false, down: 'eth1' },
    ],
    ['is what is below a child', [ETH1, CHILD], { ...MODE, parent: 'mv0' }, { interface: 'eth1' }],
    ['is the sub-interface of the VLAN', [ETH1, SUB], ON_10, { interface: 'eth1.10', isMade: true }],
    ['is one of any name', [ETH1, { ...SUB, ifname: 'dmz' }], ON_10, { interface: 'dmz' }],
    ['is one to be made', [ETH1], ON_10, { interface: 'eth1.10', isMade: false }],
    ['is not up below one that is down', [{ ...ETH1, flags: [] }, SUB], ON_10, { isUp: false, down: 'eth1' }],
    ['is not up on one that is', [ETH1, { ...SUB, flags: [] }], ON_10, { isUp: false, down: 'eth1.10' }],
    [
      'is no port of a bridge',
      [{ ...ETH1, master: 'br0' }],
      MODE,
      { unfit: expect.stringMatching(/port of br0.*use br0$/) },
    ],
    [
      'has a MAC',
      [{ ...ETH1, link_type: 'loopback' as const }],
      MODE,
      { unfit: expect.stringContaining('no Ethernet') },
    ],
    ['is missing', [SUB], MODE, undefined],
    ['is in another namespace', [ETH1, { ...CHILD, link_netnsid: 0 }], { ...MODE, parent: 'mv0' }, undefined],
  ])('%s', (_, links, mode, expected) => {
    const parent = parentOf(links, mode);
    if (expected) expect(parent).toMatchObject(expected);
    else expect(parent).toBeUndefined();
  });
});

describe('what is below the containers', () => {
  const plan = (links: readonly ListedLink[], mode = ON_10) => planSegment(links, NETWORK, mode);

  test('is made for a VLAN and marked as used, and is right afterwards', () => {
    const { segment, changes, uses } = plan([ETH1]);
    expect(segment).toMatchObject({ parent: 'eth1.10', mtu: 1500 });
    expect(changes).toMatchObject([{ kind: 'vlan', object: 'eth1.10', was: 'missing' }]);
    expect(uses).toEqual([`link property add dev eth1.10 altname xl${ID}`]);
    expect(plan([ETH1, SUB])).toMatchObject({ changes: [], uses: [] });
  });

  test.each([
    ['down', { flags: [] }, ['link set eth1.10 up']],
    ['narrow', { mtu: 1300 }, ['link set eth1.10 mtu 1500']],
  ])('is put right when it is %s, if it is of xnet', (_, altered, host) => {
    expect(plan([ETH1, { ...SUB, ...altered }]).changes).toMatchObject([{ was: 'altered', host }]);
    const byHand: ListedLink = { ...SUB, ...altered, ifalias: 'office' };
    if ('flags' in altered) expect(() => plan([ETH1, byHand])).toThrow('eth1.10 is down');
    else expect(plan([ETH1, byHand])).toMatchObject({ changes: [], uses: [], segment: { mtu: 1300 } });
  });

  test('is given up for that of another parent, which the name of a LAN means now', () => {
    const eth2: ListedLink = { ...ETH1, index: 3, ifname: 'eth2' };
    const there: ListedLink = {
      ...{ ...SUB, index: 9, ifname: 'eth2.10', link_index: 3 },
      altnames: [`xl${OTHER_ID}`],
    };
    const on2 = { ...ON_10, parent: 'eth2' };
    const use = `link property add dev eth2.10 altname xl${ID}`;
    expect(plan([ETH1, SUB, eth2], on2).uses).toEqual(['link del eth1.10', use]);
    expect(plan([ETH1, SUB, eth2, there], on2).uses).toEqual(['link del eth1.10', use]);
  });

  test('is released by the last network that uses it, unless somebody else has made it', () => {
    const shared = { ...SUB, altnames: [`xl${ID}`, 'office', `xl${OTHER_ID}`] };
    const given = `link property del dev eth1.10 altname xl${ID}`;
    expect(releaseLines([ETH1, shared], ID)).toEqual([given]);
    expect(releaseLines([ETH1, { ...SUB, altnames: [`xl${ID}`, 'office'] }], ID)).toEqual([
      'link del eth1.10',
    ]);
    expect(releaseLines([ETH1, { ...SUB, ifalias: 'office' }], ID)).toEqual([given]);
    expect(releaseLines([ETH1, SUB], OTHER_ID)).toEqual([]);
  });
});

describe('networks on one parent', () => {
  const L2: IpvlanSpec = { ...MODE, kind: 'ipvlan', submode: 'l2', flag: 'bridge' };

  test.each([
    ['macvlan of two modes', MODE, { ...MODE, submode: 'private' as const }, false],
    ['macvlan and ipvlan', MODE, L2, true],
    ['macvlan beside passthru', { ...MODE, submode: 'passthru' as const }, MODE, true],
    ['ipvlan of one mode', L2, { ...L2, host: true as const }, false],
    ['ipvlan of two modes', L2, { ...L2, submode: 'l3' as const }, true],
    ['ipvlan with two flags', L2, { ...L2, flag: 'vepa' as const }, true],
  ])('%s', (_, first, second, isRefused) => {
    const lans = new Lans();
    let isInUse = false;
    lans.note(OTHER_ID, { mode: first, parent: 'eth1', interfaces: ['eth1'], isInUse: () => isInUse });
    expect(lans.findRival(ID, second, 'eth1')).toBeUndefined();
    isInUse = true;
    expect(lans.findRival(ID, second, 'eth1')?.networkId).toBe(isRefused ? OTHER_ID : undefined);
    expect(lans.findRival(ID, second, 'eth1.10')).toBeUndefined();
  });
});

test('a container of an earlier process keeps networks off its parent that would change its mode', () => {
  const L2: IpvlanSpec = { ...MODE, kind: 'ipvlan', submode: 'l2', flag: 'bridge' };
  const info = { info_kind: 'ipvlan', info_data: { mode: 'l2', flags: 'bridge' } };
  const inside: Child = {
    ...{ networkId: OTHER_ID, endpointName: 'abcdefabcdef', isOutside: false },
    link: { ...CHILD, linkinfo: info },
  };
  expect(rivalAmong([inside], { ...L2, submode: 'l3' }, 2)).toMatchObject({
    networkId: OTHER_ID,
    mode: { submode: 'l2', flag: 'bridge' },
  });
  expect(rivalAmong([inside], L2, 2)).toBeUndefined();
  expect(rivalAmong([inside], { ...L2, submode: 'l3' }, 3)).toBeUndefined();
  expect(rivalAmong([{ ...inside, isOutside: true }], { ...L2, submode: 'l3' }, 2)).toBeUndefined();
  const lans = new Lans();
  expect(lans.isElsewhere(OTHER_ID, 'eth1')).toBe(false);
  lans.note(OTHER_ID, { mode: L2, parent: undefined, interfaces: [], isInUse: () => true });
  expect(lans.isElsewhere(OTHER_ID, 'eth1')).toBe(true);
});

describe("the host's routes", () => {
  const MAC = '02:00:00:00:00:50';
  const macsOf = (...addresses: string[]) => new Map(addresses.map((address) => [address, MAC]));
  const parent = [
    { interface: 2, address: '192.0.2.1', prefixLength: 24 },
    { interface: 2, address: '10.5.0.11', prefixLength: 24 },
    { interface: 2, address: 'fe80::1', prefixLength: 64 },
    { interface: 2, address: 'fd05::11', prefixLength: 64 },
  ];

  test('have the address of the parent in the same subnet as source, else the first of the family', () => {
    const { routes, addresses } = desiredReach(MODE, macsOf('10.5.0.50', '10.6.0.50', 'fd05::50'), parent);
    expect([...routes.values()]).toEqual(['10.5.0.11', '192.0.2.1', 'fd05::11']);
    expect([...addresses]).toEqual(['fd05::11']);
    expect([...desiredReach(MODE, macsOf('fd05::50'), []).routes]).toEqual([['fd05::50', '']]);
  });

  test('change as far as they differ', () => {
    const observed = {
      routes: new Map([
        ['10.5.0.50', '10.5.0.11'],
        ['10.5.0.51', ''],
      ]),
      neighbours: new Map([
        ['10.5.0.51', MAC],
        ['fd05::50', MAC],
      ]),
      addresses: new Set<string>(),
    };
    const desired = desiredReach(MODE, macsOf('10.5.0.50', 'fd05::50'), parent);
    expect(diffReach(ID, observed, desired).flatMap(({ host }) => host)).toEqual([
      `neigh replace 10.5.0.50 lladdr ${MAC} dev xh${ID} nud permanent`,
      `neigh del 10.5.0.51 dev xh${ID}`,
      `addr add fd05::11/128 dev xh${ID} nodad noprefixroute`,
      `route replace fd05::50/128 dev xh${ID} src fd05::11`,
      `route del 10.5.0.51/32 dev xh${ID}`,
    ]);
    expect(diffReach(ID, desired, desired)).toEqual([]);
  });
});

describe('events', () => {
  const link = '<BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default';
  const child = `3: eth0@if2: ${link} \\ link/ether 02:00:00:00:00:09 brd ff:ff:ff:ff:ff:ff`;
  const alias = `alias xnet:${ID}:abcdefabcdef`;

  test.each([
    [`[nsid 1]Deleted ${child} \\ ${alias}`, ID],
    [`[nsid current]Deleted ${child} \\ ${alias}`, ID],
    [`[nsid 1]Deleted ${child} new-netnsid 0 new-ifindex 3 \\ ${alias}`, undefined],
    [`[nsid 1]Deleted ${child} new-netns t-c new-ifindex 3 \\ ${alias}`, undefined],
    [`[nsid 1]${child} \\ ${alias}`, undefined],
    [`[nsid 1]Deleted ${child}`, undefined],
  ])('a child that is deleted, not moved: %s', (line, expected) => {
    expect(networkOfDeletedChild(line)).toBe(expected);
  });

  test('of a parent count when it has another state or address, not when only its carrier has', () => {
    const lans = new Lans();
    lans.note(ID, { mode: MODE, parent: 'eth1', interfaces: ['eth1'], isInUse: () => true });
    const parts = { lans, ownWork: { isOwn: () => false }, hostPath: undefined, listener: () => {} };
    using events = new LanEvents(parts);
    const isHinted = (line: string) => events.hintsIn(`[nsid current]${line}`).length > 0;
    expect(isHinted(`2: eth1: ${link}`)).toBe(true);
    expect(isHinted(`2: eth1: ${link.replace(',LOWER_UP', '')}`)).toBe(false);
    expect(isHinted(`2: eth1: ${link.replace('UP,LOWER_UP', '')}`)).toBe(true);
    expect(isHinted(`Deleted 2: eth1: ${link}`)).toBe(true);
    expect(isHinted('2: eth1    inet 10.5.0.11/24 scope global eth1')).toBe(true);
    expect(isHinted(`9: eth9: ${link}`)).toBe(false);
  });
});
