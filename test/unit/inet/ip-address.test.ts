import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { IpAddress } from '../../../src/inet/ip-address.js';
import { addresses } from './arbitraries.js';

describe('an IP address', () => {
  test('is read back from its text as the same value', () => {
    fc.assert(
      fc.property(addresses, (address) => {
        const read = IpAddress.parse(`${address}`);
        expect([read.family, read.value]).toEqual([address.family, address.value]);
      }),
    );
  });

  test.each([
    ['FD00:0:0::1', 'fd00::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::ffff:10.1.2.3', '::ffff:a01:203'],
    ['10.1.2.3', '10.1.2.3'],
  ])('%s is written as %s', (text, canonical) => {
    expect(`${IpAddress.parse(text)}`).toBe(canonical);
  });

  test.each([
    '',
    ' ',
    '10.1.2',
    '127.1',
    '0x7f.1',
    '010.0.0.1',
    '10.1.2.256',
    '10.1.2.3 ',
    '10.1.2.3/24',
    '1.2.3.4.5',
    'fd00::1%eth0',
    'fd00::1::2',
    'fd00:::1',
    '12345::',
    ':1',
    'web',
    '10.1.2.3\n',
    '١٠.1.2.3',
  ])('%j is refused', (text) => {
    expect(() => IpAddress.parse(text)).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });

  test('a very long text is refused with a short message', () => {
    expect(() => IpAddress.parse('1'.repeat(10_000))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{0,200}$/) }),
    );
  });

  test('a value that does not fit the family is refused', () => {
    expect(() => IpAddress.of(4, 1n << 32n)).toThrow(expect.objectContaining({ code: 'INVALID' }));
    expect(() => IpAddress.of(6, -1n)).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });
});
