import { describe, expect, test } from '@jest/globals';
import { endpointNameOf, interfaceName, networkIdOf } from '../../../src/dataplane/interface-names.js';
import { parseFailures, withoutNotes } from '../../../src/dataplane/iproute2/iproute2.js';
import { concernsUnderlay } from '../../../src/dataplane/kernel/kernel-events.js';
import { chooseUnderlay, followUnderlay } from '../../../src/dataplane/kernel/underlay.js';
import { tunnelFilterLines } from '../../../src/dataplane/nft/tunnel-filter.js';
import { VXLAN_LAYOUT } from '../../../src/dataplane/overlay/vxlan-layout.js';

describe('interface names', () => {
  test.each(['a'.repeat(64), '0123456789ab', 'not hex at all', ''])(
    'of endpoint "%s" fit Linux and lead back to the same name',
    (id) => {
      const name = interfaceName(id);
      expect(name.length).toBeLessThanOrEqual(15);
      expect(interfaceName(endpointNameOf(name) as string)).toBe(name);
    },
  );

  test("of Docker's ids begin with the id", () => {
    expect(interfaceName(`0123456789ab${'c'.repeat(52)}`)).toBe('xc0123456789ab');
  });

  test.each(['xnet-0123456789abc', 'xnet-lab-h1', 'xnet-0123456789ag', 'cni-0123456789ab'])(
    'of namespaces of others, as %s, are not taken for ours',
    (namespace) => expect(networkIdOf(namespace)).toBeUndefined(),
  );
});

test.each([
  { vtep: '192.0.2.1', mtu: 1500, expected: 1450 },
  { vtep: '2001:db8::1', mtu: 1500, expected: 1430 },
  { vtep: '192.0.2.1', mtu: 9000, expected: 8950 },
  // An address of `lo`.
  { vtep: '192.0.2.1', mtu: 65_536, expected: 65_485 },
])('containers over $vtep with MTU $mtu get $expected', ({ vtep, mtu, expected }) => {
  expect(VXLAN_LAYOUT.containerMtu({ vtep, mtu })).toBe(expected);
});

describe('failures of a batch', () => {
  const lines = ['link add a', 'link add b', 'link add c'];

  test('are told with their lines and the words of the kernel', () => {
    const stderr =
      'RTNETLINK answers: File exists\nCommand failed -:1\nCannot find device "b"\nCommand failed -:2\n';
    expect(parseFailures(lines, stderr)).toEqual([
      { line: 'link add a', words: 'File exists' },
      { line: 'link add b', words: 'Cannot find device "b"' },
    ]);
  });

  test('that end the batch have no line, and come after those that do', () => {
    const stderr = 'RTNETLINK answers: File exists\nCommand failed -:1\nError: argument "x" is wrong: what\n';
    expect(parseFailures(lines, stderr)[1]).toEqual({ line: '', words: 'argument "x" is wrong: what' });
  });

  test('without a word are failures all the same', () => {
    expect(parseFailures(lines, '')).toEqual([{ line: '', words: '' }]);
  });

  test('does not take for a failure that iproute2 had to list devices in the midst of changes', () => {
    const note = 'Dump was interrupted and may be inconsistent.\n';
    expect(withoutNotes(note)).toBe('');
    expect(withoutNotes(`${note}Cannot find device "x"\nCommand failed -:1\n${note}`)).toBe(
      'Cannot find device "x"\nCommand failed -:1\n',
    );
  });
});

describe('the underlay', () => {
  const interfaces = [
    { name: 'lo', mtu: 65536, addresses: [] },
    { name: 'eth0', mtu: 1500, addresses: ['2001:db8::1', '192.0.2.1'] },
    { name: 'eth1', mtu: 9000, addresses: ['198.51.100.1', '198.51.100.2'] },
    { name: 'eth2', mtu: 1500, addresses: ['2001:db8:1::1'] },
  ];

  test.each([
    { wanted: undefined, defaultRoutes: ['eth0'], vtep: '192.0.2.1', name: 'eth0' },
    { wanted: undefined, defaultRoutes: ['lo', 'eth2'], vtep: '2001:db8:1::1', name: 'eth2' },
    { wanted: 'eth1', defaultRoutes: ['eth0'], vtep: '198.51.100.1', name: 'eth1' },
    { wanted: '198.51.100.2', defaultRoutes: ['eth0'], vtep: '198.51.100.2', name: 'eth1' },
    { wanted: '2001:db8::1', defaultRoutes: [], vtep: '2001:db8::1', name: 'eth0' },
  ])(
    'asked for $wanted with default routes over $defaultRoutes is $vtep',
    ({ wanted, defaultRoutes, vtep, name }) => {
      expect(chooseUnderlay(wanted, { interfaces, defaultRoutes })).toMatchObject({ vtep, interface: name });
    },
  );

  test.each([undefined, 'lo', 'eth9', '203.0.113.1'])(
    'asked for %s in vain names what there is',
    (wanted) => {
      expect(() => chooseUnderlay(wanted, { interfaces, defaultRoutes: [] })).toThrow(
        /eth1 \(198\.51\.100\.1, 198\.51\.100\.2\)/,
      );
    },
  );
});

describe('the underlay, once chosen,', () => {
  const current = { vtep: '192.0.2.1', interface: 'eth0', mtu: 1500 };
  const eth0 = { name: 'eth0', mtu: 1500, addresses: ['2001:db8::1', '192.0.2.1'] };
  const eth1 = { name: 'eth1', mtu: 9000, addresses: ['198.51.100.1', '2001:db8:1::1'] };
  const host = (interfaces: (typeof eth0)[], defaultRoutes = ['eth0']) => ({ interfaces, defaultRoutes });
  const emptied = { ...eth0, addresses: ['2001:db8::1'] };
  const replaced = { ...eth0, addresses: ['2001:db8::1', '192.0.2.9'] };

  test.each([
    ['stays when a default route over another interface comes', undefined, host([eth0, eth1], ['eth1']), {}],
    ['has the MTU of its interface', undefined, host([{ ...eth0, mtu: 1400 }]), { mtu: 1400 }],
    ['has the new address of the interface', undefined, host([replaced, eth1], []), { vtep: '192.0.2.9' }],
    ['has it also where that was asked for', 'eth0', host([replaced]), { vtep: '192.0.2.9' }],
    [
      'goes to the interface of the default route, in its family',
      undefined,
      host([emptied, eth1], ['eth1']),
      { vtep: '198.51.100.1', interface: 'eth1', mtu: 9000 },
    ],
    [
      'stays where it was asked for and moved to another interface',
      '192.0.2.1',
      host([{ ...eth0, name: 'eth9' }]),
      { interface: 'eth9' },
    ],
  ])('%s', (_, wanted, found, change) => {
    expect(followUnderlay(wanted, current, found)).toEqual({ ...current, ...change });
  });

  test.each([
    ['--vtep', '192.0.2.1', host([replaced]), /192.0.2.1 is gone.*another --vtep/],
    ['--interface', 'eth0', host([emptied, eth1], ['eth1']), /gone.*give eth0 an IPv4 address/],
    [
      'nothing',
      undefined,
      host([emptied, { ...eth1, addresses: ['2001:db8:1::1'] }]),
      /gone.*give eth0 an IPv4/,
    ],
  ])('is gone where %s was asked for and another address does not do', (_, wanted, found, text) => {
    expect(() => followUnderlay(wanted, current, found)).toThrow(text);
  });
});

describe('an event concerns the underlay', () => {
  const mac = 'ba:70:12:f3:ee:7f';
  const underlay = { vtep: '198.18.4.2', interface: 'eth0', index: 2, mtu: 1500, mac };
  const link = (name: string, mtu: number, index = 2, address = mac) =>
    `[nsid current]${index}: ${name}@if4: <BROADCAST,UP> mtu ${mtu} qdisc noqueue state UP group default \\    link/ether ${address} brd ff:ff:ff:ff:ff:ff`;
  const address = (text: string) => `2: eth0    ${text} scope global eth0\\       valid_lft forever`;

  test.each([
    ['its address goes', `[nsid current]Deleted ${address('inet 198.18.4.2/24')}`, true],
    ['its address comes', `[nsid current]${address('inet 198.18.4.2/24')}`, false],
    ['another goes', `[nsid current]Deleted ${address('inet 198.18.4.22/24')}`, false],
    ['the same goes in another namespace', `[nsid 3]Deleted ${address('inet 198.18.4.2/24')}`, false],
    ['its MTU is another', link('eth0', 1400), true],
    ['its MTU is told again', link('eth0', 1500), false],
    ['the MTU of another interface is another', link('eth1', 1400, 3), false],
    ['its interface has another name', link('ens9', 1500), true],
    ['its interface has another MAC', link('eth0', 1500, 2, '02:00:00:00:00:99'), true],
    ['its interface was made anew with the same MAC', link('eth0', 1500, 7), true],
    ['another interface has another MAC', link('eth1', 1500, 3, '02:00:00:00:00:99'), false],
    ['its interface goes', `[nsid current]Deleted 2: eth0: <BROADCAST> mtu 1500 qdisc noop`, true],
  ])('%s', (_, line, concerns) => {
    expect(concernsUnderlay(line, underlay)).toBe(concerns);
  });

  test.each([
    ['deprecated', true],
    ['dynamic', false],
  ])('its address of IPv6 is %s', (flag, concerns) => {
    const line = `[nsid current]2: eth0    inet6 fd18::2/64 scope global ${flag} \\       valid_lft 900sec`;
    expect(concernsUnderlay(line, { ...underlay, vtep: 'fd18::2' })).toBe(concerns);
  });
});

test.each([
  { vteps: ['192.0.2.1', '::1; drop'], vnis: [1] },
  { vteps: ['192.0.2.1'], vnis: [2 ** 24] },
  { vteps: ['192.0.2.1'], vnis: [0] },
])('a tunnel filter of %j is refused', (filter) => {
  expect(() => tunnelFilterLines(filter, 4789)).toThrow(expect.objectContaining({ code: 'INVALID' }));
});
