import { describe, expect, test } from '@jest/globals';
import { carriesMulticast, findOverlaps } from '../../../src/driver/networks/routed-plan.js';
import type { NetworkRecord } from '../../../src/model/network.js';

function network(id: string, subnet: string, more: Partial<NetworkRecord> = {}): NetworkRecord {
  return {
    ...{ version: 2, id, name: id, mode: { kind: 'routed' }, vni: 1, multicast: false, internal: false },
    pools: [{ subnet, poolKey: `${id} ${subnet}` }],
    ...more,
  };
}

const SHOP = network('shop', '10.1.0.0/24');
const overlaps = (
  others: NetworkRecord[],
  routes: { destination: string; device: string; type?: string }[] = [],
) => findOverlaps(SHOP, [SHOP, ...others], routes);

describe('a routed network shares no address', () => {
  test('with another one', () => {
    expect(overlaps([network('more', '10.1.0.0/16')])).toEqual([
      'subnet 10.1.0.0/24 overlaps 10.1.0.0/16 of network more, and routed networks cannot share addresses',
    ]);
    expect(overlaps([network('more', '10.2.0.0/24')])).toEqual([]);
  });

  test.each(['198.18.0.0/15', '198.19.7.0/24', '100.127.0.0/16', 'fd78:6e65:7400:1::/64'])(
    'with the probes of pairs: %s',
    (subnet) => {
      const taken = network('more', subnet);
      expect(findOverlaps(taken, [taken], [])).toEqual([
        expect.stringMatching(/^subnet .* overlaps .*, from which hosts of routed networks test/),
      ]);
    },
  );

  test('but may with an overlay', () => {
    expect(overlaps([network('more', '10.1.0.0/24', { mode: { kind: 'overlay' } })])).toEqual([]);
  });

  test('with a route of the host, unless that leads everywhere or nowhere', () => {
    const device = 'eth1';
    expect(overlaps([], [{ destination: '10.1.0.7', device }])).toEqual([
      "subnet 10.1.0.0/24 overlaps this host's route to 10.1.0.7 (eth1), and a routed network cannot share addresses with it",
    ]);
    const others = ['default', '0.0.0.0/1', '10.2.0.0/16', 'fe80::/64'];
    expect(
      overlaps(
        [],
        others.map((destination) => ({ destination, device })),
      ),
    ).toEqual([]);
    expect(overlaps([], [{ destination: '10.0.0.0/8', device, type: 'blackhole' }])).toEqual([]);
  });
});

test('a routed network carries no multicast, and asking for it is refused', () => {
  const mode = { kind: 'routed' } as const;
  expect(carriesMulticast({ mode })).toBe(false);
  expect(carriesMulticast({ mode, multicast: false })).toBe(false);
  expect(() => carriesMulticast({ mode, multicast: true })).toThrow(
    'xnet.multicast=on does not go with xnet.mode=routed',
  );
  expect(carriesMulticast({})).toBe(true);
});
