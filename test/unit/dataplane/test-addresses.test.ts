import { expect, test } from '@jest/globals';
import { testAddress } from '../../../src/dataplane/pairs/test-addresses.js';

test.each([
  ['10.0.0.7', '198.18.0.7'],
  ['10.1.2.3', '198.19.2.3'],
  ['192.0.2.255', '198.18.2.255'],
  ['198.18.2.3', '100.126.2.3'],
  ['198.19.2.3', '100.127.2.3'],
  ['198.20.2.3', '198.18.2.3'],
  ['fd00::c612:3', '198.18.0.3'],
])('the test address of %s is %s, which is none of the underlay', (vtep, address) => {
  expect(testAddress(vtep, 4)).toBe(address);
});

test('in IPv6 it is a hash', () => {
  expect(testAddress('10.0.0.7', 6)).toMatch(/^fd78:6e65:7400:/);
  expect(testAddress('10.0.0.7', 6)).not.toBe(testAddress('10.0.0.8', 6));
});
