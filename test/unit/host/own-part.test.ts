import { expect, test } from '@jest/globals';
import { sourceOf } from '../../../src/host/answers/trace/own-part.js';

test('of a container with addresses of both families the source is of that of the destination', () => {
  const fixed = { mac: '02:42:ac:12:00:02', mtu: 1500, isUp: true };
  const addresses = ['172.18.0.2/16', 'fe80::1/64', 'fd00:18::2/64'];
  const interfaces = [
    { ...fixed, name: 'eth0', addresses: ['10.1.0.2/24'] },
    { ...fixed, name: 'eth1', addresses },
  ];
  const way = { device: 'eth1' };
  expect(sourceOf({ way, interfaces }, '2001:db8::1')).toBe('fd00:18::2');
  expect(sourceOf({ way, interfaces }, '192.0.2.1')).toBe('172.18.0.2');
  // It has none of that family: what is read of the host is at least that of the other.
  expect(sourceOf({ way: {}, interfaces: interfaces.slice(0, 1) }, '2001:db8::1')).toBe('10.1.0.2');
});
