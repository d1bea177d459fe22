import { expect, test } from '@jest/globals';
import { gatewayBridge } from '../../../src/agent/mirror/mirror-copy.js';
import { outwardOf, readOutwardMtu } from '../../../src/host/outward.js';

const MTUS = new Map([
  ['eth0', 1500],
  ['eth1', 1400],
  ['eth2', 1300],
]);
const route = (device: string, destination = 'default') => ({ device, destination });
const mtuOf = (mtu?: number) => gatewayBridge(mtu).options['com.docker.network.driver.mtu'];

test('of several default routes the one that carries least counts; other routes do not', () => {
  const routes = [route('eth0'), route('eth1'), route('eth2', '192.0.2.0/24')];
  expect(outwardOf(routes, MTUS)).toEqual({ device: 'eth1', mtu: 1400 });
  expect(outwardOf([route('eth2', '192.0.2.0/24')], MTUS)).toBeUndefined();
});

test('docker_gwbridge gets an MTU only where Docker would take too large a one', () => {
  expect(mtuOf(1400)).toBe('1400');
  for (const mtu of [1500, 9000, undefined]) expect(mtuOf(mtu)).toBeUndefined();
});

test('where the kernel cannot be asked, nothing is known', async () => {
  const broken = { listRoutes: async () => [], listMtus: () => Promise.reject(new Error('no netlink')) };
  await expect(readOutwardMtu(broken)).resolves.toBeUndefined();
});
