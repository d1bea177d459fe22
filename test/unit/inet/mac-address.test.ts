import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { addressFor, macFor, parseMac } from '../../../src/inet/mac-address.js';
import { addresses } from './arbitraries.js';

describe('a MAC address', () => {
  test('for an address is a locally administered unicast one, and always the same', () => {
    fc.assert(
      fc.property(fc.string(), addresses, (networkId, address) => {
        const mac = macFor(networkId, address);
        expect(mac).toMatch(/^02(:[0-9a-f]{2}){5}$/);
        expect(parseMac(mac)).toBe(mac);
        expect(macFor(networkId, address)).toBe(mac);
      }),
    );
  });

  test('differs for two IPv4 addresses of one network', () => {
    fc.assert(
      fc.property(addresses, addresses, (one, other) => {
        fc.pre(one.family === 4 && other.family === 4 && one.value !== other.value);
        expect(macFor('n', one)).not.toBe(macFor('n', other));
      }),
    );
  });

  test('leads back to the IPv4 address that it was made for, in its network alone', () => {
    fc.assert(
      fc.property(addresses, (address) => {
        fc.pre(address.family === 4);
        const mac = macFor('n', address);
        expect(`${addressFor('n', mac)}`).toBe(`${address}`);
        expect(addressFor('another', mac)).toBeUndefined();
        expect(addressFor('n', mac.replace(/^02/, '06'))).toBeUndefined();
      }),
    );
  });

  test('is read in any case', () => {
    expect(parseMac('02:AB:0a:01:02:03')).toBe('02:ab:0a:01:02:03');
  });

  test.each([
    '',
    '02:42',
    '01:00:5e:00:00:01',
    'ff:ff:ff:ff:ff:ff',
    '00:00:00:00:00:00',
    '02-42-0a-01-02-03',
    '02:42:0a:01:02:03:04',
  ])('%j is refused', (text) => {
    expect(() => parseMac(text)).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });
});
