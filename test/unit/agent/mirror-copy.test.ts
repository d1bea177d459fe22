import { expect, test } from '@jest/globals';
import { copyOf, gatewayDevice } from '../../../src/agent/mirror/mirror-copy.js';
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

test.each<[string, Parameters<typeof gatewayDevice>[0], string | undefined]>([
  ['is not there yet', [], undefined],
  [
    'was made as Docker makes it',
    [network({ 'com.docker.network.bridge.name': 'docker_gwbridge' })],
    'docker_gwbridge',
  ],
  ['has a device of another name', [network({ 'com.docker.network.bridge.name': 'gw0' })], 'gw0'],
  ['was made without a name of its device', [network({})], 'br-0123456789ab'],
  ['is one of several', [{ ...network({}), name: 'other' }, network({}, 'f')], `br-${'f'.repeat(12)}`],
])('the device of a docker_gwbridge that %s', (_, networks, device) => {
  expect(gatewayDevice(networks)).toBe(device);
});

function network(options: Record<string, string>, digit?: string) {
  const id = digit === undefined ? '0123456789abcdef'.repeat(4) : digit.repeat(64);
  return { id, name: 'docker_gwbridge', options };
}
