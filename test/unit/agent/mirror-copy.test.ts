import { expect, test } from '@jest/globals';
import { copyOf } from '../../../src/agent/mirror/mirror-copy.js';
import type { LanMode } from '../../../src/model/mode.js';
import type { MirrorRecord } from '../../../src/model/network.js';

const MIRROR: MirrorRecord = {
  ...{ name: 'office', internal: false, attachable: false, ipv6: true, labels: {}, options: {} },
  ipam: {
    ...{ driver: 'default', options: {} },
    subnets: [{ subnet: '10.1.0.0/24' }, { subnet: 'fd00::/64', gateway: 'fd00::9' }],
  },
};
const LAN: LanMode = {
  kind: 'macvlan',
  parent: 'eth1',
  submode: 'bridge',
  gateways: ['10.1.0.1', 'fd00::9'],
};

test('a copy of a network on a LAN has the gateway of the network, also one that Docker chose and does not list', () => {
  expect(copyOf('c0ffee', MIRROR, LAN).ipam.subnets).toEqual([
    { subnet: '10.1.0.0/24', gateway: '10.1.0.1' },
    { subnet: 'fd00::/64', gateway: 'fd00::9' },
  ]);
  expect(copyOf('c0ffee', MIRROR).ipam.subnets).toEqual(MIRROR.ipam.subnets);
});
