import { describe, expect, test } from '@jest/globals';
import {
  checkParent,
  completeMode,
  onHost,
  refuseChosen,
  refuseMac,
  wayOut,
} from '../../../src/driver/networks/lan-plan.js';
import { DEFAULT_MODE, type LanMode } from '../../../src/model/mode.js';

const macvlan: LanMode = { kind: 'macvlan', parent: 'eth1', submode: 'bridge', gateways: [] };
const ipvlan: LanMode = { kind: 'ipvlan', parent: 'eth1', submode: 'l2', flag: 'bridge', gateways: [] };
const { parent: _, ...isolated } = macvlan;

const creation = (internal: boolean, gateways: readonly string[], asksForGateways = true) => ({
  internal,
  asksForGateways,
  subnets: gateways.map((gateway) => ({ gateway })),
});

describe('a new network on a LAN', () => {
  test('has the gateways that Docker gives it, of both families', () => {
    const given = creation(false, ['10.0.0.1/24', 'fd00::1/64']);
    expect(completeMode(macvlan, given)).toEqual({ ...macvlan, gateways: ['10.0.0.1', 'fd00::1'] });
    expect(completeMode(DEFAULT_MODE, given)).toEqual(DEFAULT_MODE);
  });

  test.each([
    [
      isolated,
      creation(false, []),
      /xnet\.mode=macvlan needs the interface.*-o parent=INTERFACE, or --internal/,
    ],
    [
      macvlan,
      creation(true, ['10.0.0.1/24']),
      /--gateway 10\.0\.0\.1 does not go with --internal.*leave one out/,
    ],
    [{ ...macvlan, host: true as const }, creation(true, []), /-o xnet\.host=on does not go with --internal/],
    [
      { ...macvlan, submode: 'private' as const, host: true as const },
      creation(false, []),
      /-o xnet\.host=on does not go with macvlan_mode=private, .*choose macvlan_mode=bridge.*leave xnet\.host out/,
    ],
    [
      { ...ipvlan, host: true as const },
      creation(false, []),
      /-o xnet\.host=on does not go with ipvlan_mode=l2 and ipvlan_flag=bridge/,
    ],
  ])('is refused with option, value, rule and remedy: %#', (mode, given, reason) => {
    expect(() => completeMode(mode, given)).toThrow(reason);
  });

  test('whose gateway is in a subnet that xnet has chosen is refused: no router has that address', () => {
    const mode = { ...macvlan, gateways: ['10.192.0.1', 'fd00::1'] };
    const [v4, v6] = [{ subnet: '10.192.0.0/24' }, { subnet: 'fd00::/64' }];
    const isChosen = true as const;
    expect(() => refuseChosen(mode, [v4, v6])).not.toThrow();
    expect(() => refuseChosen({ ...mode, gateways: [] }, [{ ...v4, isChosen }])).not.toThrow();
    expect(() => refuseChosen({ ...isolated, gateways: mode.gateways }, [{ ...v4, isChosen }])).not.toThrow();
    expect(() => refuseChosen(mode, [{ ...v4, isChosen }])).toThrow(
      /-o parent=eth1 needs the subnet of the LAN.*\(10\.192\.0\.0\/24\): add --subnet and --gateway .*--internal/,
    );
    expect(() => refuseChosen(mode, [v4, { ...v6, isChosen }])).toThrow(
      /--ipv6 needs the subnet of the LAN.*\(fd00::\/64\): .*leave --ipv6 out/,
    );
  });

  test('within each host has no gateway, also where Docker gives every network one', () => {
    expect(completeMode(isolated, creation(true, ['10.0.0.1/24'], false))).toEqual(isolated);
  });

  test('needs its parent on the host where it is created, and no larger packets than that takes', () => {
    const found = { interface: 'eth1', mtu: 1500 };
    expect(() => checkParent(macvlan, 1500, found)).not.toThrow();
    expect(() => checkParent(isolated, 9000, undefined)).not.toThrow();
    expect(() => checkParent(macvlan, undefined, undefined)).toThrow(/-o parent=eth1 .*`parents`.*ip link/);
    const unfit = 'eth1 is a port of br0, which takes all its packets; use br0';
    expect(() => checkParent(macvlan, undefined, { ...found, unfit })).toThrow(
      /-o parent=eth1 cannot be: eth1 is a port of br0, .*use br0/,
    );
    expect(() => checkParent(macvlan, 9000, found)).toThrow(/driver\.mtu=9000 must be at most 1500, .* eth1/);
  });
});

describe('the name of a LAN', () => {
  test.each([
    [
      { ...macvlan, parent: 'office' },
      { ...macvlan, parent: 'eth2' },
    ],
    [macvlan, macvlan],
    [
      { ...macvlan, parent: 'dmz' },
      { ...macvlan, parent: 'bond0', vlan: 7 },
    ],
    [
      { ...macvlan, parent: 'dmz', vlan: 9 },
      { ...macvlan, parent: 'bond0.7', vlan: 9 },
    ],
    [
      { ...macvlan, parent: 'constructor' },
      { ...macvlan, parent: 'constructor' },
    ],
    [isolated, isolated],
    [DEFAULT_MODE, DEFAULT_MODE],
    [undefined, undefined],
  ])('stands for the interface that a host has for it: %#', (mode, expected) => {
    expect(onHost(mode, { office: 'eth2', dmz: 'bond0.7' })).toEqual(expected);
  });
});

test("the way out of a container is the LAN's router, and never docker_gwbridge", () => {
  expect(wayOut({ ...macvlan, gateways: ['10.0.0.1'] })).toEqual({ gateways: ['10.0.0.1'] });
  expect(wayOut(isolated)).toEqual({ isApart: true });
  expect(wayOut(DEFAULT_MODE)).toEqual({});
});

test('a MAC address of its own is refused where containers have that of the interface', () => {
  expect(() => refuseMac(ipvlan, '02:00:00:00:00:01')).toThrow(
    /--mac-address 02:.* xnet\.mode=ipvlan.*leave it out/,
  );
  expect(() => refuseMac(ipvlan, undefined)).not.toThrow();
  expect(() => refuseMac(macvlan, '02:00:00:00:00:01')).not.toThrow();
});
