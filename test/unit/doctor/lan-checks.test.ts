import { expect, test } from '@jest/globals';
import { judgeLans, type LanNetwork } from '../../../src/doctor/lan/lan-checks.js';

const FOUND = {
  ...{ interface: 'eth1', mtu: 1500, mac: '02:00:00:00:00:01' },
  ...{ isUp: true, hasCarrier: true, isMade: true },
};
const OFFICE: LanNetwork = {
  name: 'office',
  mode: 'macvlan',
  parent: 'eth1',
  found: FOUND,
  isWireless: false,
};

test('a LAN that is reached is well, and so is a host without any', () => {
  expect(judgeLans([OFFICE])).toEqual([{ verdict: 'ok', found: 'eth1: up, with a carrier' }]);
  expect(judgeLans([])).toEqual([{ verdict: 'ok', found: 'no network of this host is on a LAN' }]);
  expect(judgeLans([{ ...OFFICE, mode: 'ipvlan', isWireless: true }])).toMatchObject([{ verdict: 'ok' }]);
});

test.each<[Partial<LanNetwork>, object]>([
  [
    { found: undefined },
    { verdict: 'failure', found: /no interface eth1/, remedy: /^ip -br link # .*`parents`/ },
  ],
  [
    { found: { ...FOUND, interface: 'eth1.10', isUp: false, down: 'eth1' } },
    { verdict: 'failure', found: 'network office: eth1 is down', remedy: /^ip link set eth1 up$/ },
  ],
  [{ found: { ...FOUND, isUp: false } }, { verdict: 'failure', remedy: /^ip link set eth1 up$/ }],
  [
    { found: { ...FOUND, interface: 'eth1.10', base: 'eth1', down: 'eth1', isUp: false } },
    { verdict: 'failure', found: /eth1 is down/, remedy: /^ip link set eth1 up$/ },
  ],
  [
    { mtu: 9000, found: { ...FOUND, interface: 'eth1.10', base: 'eth1' } },
    { verdict: 'warning', remedy: /^ip link set eth1 mtu 9000 && ip link set eth1\.10 mtu 9000 #/ },
  ],
  [
    { found: { ...FOUND, unfit: 'eth1 is a port of br0; use br0' } },
    { verdict: 'failure', found: /office: eth1 is a port of br0/, remedy: /`parents`/ },
  ],
  [{ found: { ...FOUND, hasCarrier: false } }, { verdict: 'failure', found: /no carrier/ }],
  [
    { ownGateways: ['198.51.100.1'] },
    {
      verdict: 'failure',
      found: /its gateway 198\.51\.100\.1 is an address of this host/,
      remedy: /--gateway/,
    },
  ],
  [{ isWireless: true }, { verdict: 'warning', found: /wireless/, remedy: /xnet\.mode=ipvlan/ }],
  [
    { mtu: 9000 },
    { verdict: 'warning', found: /9000 bytes, and eth1 carries 1500/, remedy: /^ip link set eth1 mtu 9000/ },
  ],
])('what is wrong is named with what mends it: %#', (change, expected) => {
  const matched = Object.entries(expected).map(([key, value]) => [
    key,
    value instanceof RegExp ? expect.stringMatching(value) : value,
  ]);
  expect(judgeLans([{ ...OFFICE, ...change }])).toEqual([
    expect.objectContaining(Object.fromEntries(matched)),
  ]);
});
