import { expect, test } from '@jest/globals';
import { IpAddress } from '../../../src/inet/ip-address.js';
import { isPrivate } from '../../../src/inet/private-address.js';

test.each([
  ...[
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '127.0.0.1',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
  ],
  ...['::1', '::', 'fd00::1', 'fe80::1', 'ff02::1', '::ffff:10.0.0.1', '64:ff9b::a9fe:a9fe', '2002:a00:1::1'],
])('%s is private', (text) => {
  expect(isPrivate(IpAddress.parse(text))).toBe(true);
});

test.each([
  '8.8.8.8',
  '172.32.0.1',
  '198.18.0.1',
  '2001:db8::1',
  '::ffff:8.8.8.8',
  '64:ff9b::808:808',
  '2002:808:808::1',
])('%s is not', (text) => {
  expect(isPrivate(IpAddress.parse(text))).toBe(false);
});
