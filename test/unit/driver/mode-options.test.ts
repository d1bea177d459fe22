import { describe, expect, test } from '@jest/globals';
import { parseNetworkOptions } from '../../../src/driver/networks/network-options.js';
import { checkJoin } from '../../../src/driver/networks/network-plan.js';
import type { NetworkRecord } from '../../../src/model/network.js';

const modeOf = (options: Record<string, string>) => parseNetworkOptions(options).mode;

describe('the mode of a network', () => {
  test.each<[Record<string, string>, unknown]>([
    [{}, undefined],
    [{ 'xnet.mode': 'overlay' }, { kind: 'overlay' }],
    [{ 'xnet.attach': 'veth' }, { kind: 'overlay' }],
    [{ 'xnet.mode': 'routed' }, { kind: 'routed' }],
    [{ 'xnet.mode': 'macvlan' }, { kind: 'macvlan', submode: 'bridge', gateways: [] }],
    [
      { 'xnet.mode': 'macvlan', parent: 'eth1.10', macvlan_mode: 'private', 'xnet.host': 'on' },
      { kind: 'macvlan', parent: 'eth1', vlan: 10, host: true, submode: 'private', gateways: [] },
    ],
    [
      { 'xnet.mode': 'ipvlan', 'xnet.parent': 'office', 'xnet.vlan': '20', ipvlan_mode: 'l3' },
      { kind: 'ipvlan', parent: 'office', vlan: 20, submode: 'l3', flag: 'bridge', gateways: [] },
    ],
    [
      { 'xnet.mode': 'ipvlan', parent: 'eth1.10', 'xnet.vlan': '10' },
      { kind: 'ipvlan', parent: 'eth1', vlan: 10, submode: 'l2', flag: 'bridge', gateways: [] },
    ],
  ])('of %p is %p', (options, expected) => {
    expect(modeOf(options)).toEqual(expected);
  });

  test.each<[Record<string, string>, RegExp]>([
    [{ 'xnet.mode': 'bridge' }, /option xnet\.mode=bridge must be overlay, macvlan, ipvlan or routed/],
    [
      { parent: 'eth1' },
      /-o parent=eth1 is of networks with xnet\.mode=macvlan or ipvlan.*add -o xnet\.mode=macvlan/,
    ],
    [
      { 'xnet.attach': 'macvlan' },
      /option xnet\.attach=macvlan must be veth \(ARP, .* to every host of the network: decision 39\); leave it out/,
    ],
    [{ 'xnet.attach': 'tap' }, /option xnet\.attach=tap must be veth; leave it out/],
    [{ ipvlan_mode: 'l3' }, /add -o xnet\.mode=ipvlan, or leave/],
    [{ 'xnet.mode': 'macvlan', ipvlan_mode: 'l2' }, /and this one is macvlan/],
    [{ 'xnet.mode': 'routed', 'xnet.attach': 'veth' }, /and this one is routed/],
    [{ 'xnet.mode': 'macvlan', 'xnet.vlan': '10' }, /needs the interface/],
    [
      { 'xnet.mode': 'macvlan', 'xnet.vni': '7' },
      /-o xnet\.vni=7 is of networks with .*overlay or routed.*leave/,
    ],
    [{ 'xnet.mode': 'ipvlan', 'xnet.multicast': 'off' }, /-o xnet\.multicast=off is of .*this one is ipvlan/],
    [
      { 'xnet.mode': 'macvlan', parent: 'eth1', 'xnet.vlan': '4095' },
      /xnet\.vlan=4095 must name a VLAN from 1 to 4094/,
    ],
    [{ 'xnet.mode': 'macvlan', parent: 'eth1.0' }, /parent=eth1\.0 must name a VLAN/],
    [{ 'xnet.mode': 'macvlan', parent: 'eth1.10', 'xnet.vlan': '20' }, /leave one out/],
    [{ 'xnet.mode': 'macvlan', parent: 'eth1', 'xnet.parent': 'eth2' }, /not both/],
    [{ 'xnet.mode': 'macvlan', parent: '../x' }, /must be the name of an interface/],
    [{ 'xnet.mode': 'macvlan', parent: 'x'.repeat(16) }, /must be the name of an interface/],
    [{ 'xnet.mode': 'macvlan', macvlan_mode: 'source' }, /must be bridge, private, vepa or passthru/],
    [{ 'xnet.mode': 'macvlan', 'xnet.host': 'yes' }, /xnet\.host=yes must be off or on/],
  ])('of %p is refused with the rule', (options, reason) => {
    expect(() => modeOf(options)).toThrow(reason);
  });

  test('of a network that is joined is its own, whatever its gateways are', () => {
    const mode = { kind: 'macvlan', parent: 'eth1', submode: 'bridge', gateways: ['192.0.2.1'] } as const;
    const network = { id: '0123456789ab', name: 'lan', pools: [], mode } as unknown as NetworkRecord;
    checkJoin(network, {}, []);
    checkJoin(network, parseNetworkOptions({ 'xnet.mode': 'macvlan', parent: 'eth1' }), []);
    const other = parseNetworkOptions({ 'xnet.mode': 'macvlan', parent: 'eth2' });
    expect(() => checkJoin(network, other, [])).toThrow(
      /network lan exists with xnet\.mode=macvlan, parent eth1, .* not with xnet\.mode=macvlan, parent eth2/,
    );
  });
});
