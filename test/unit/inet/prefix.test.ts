import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { IpAddress } from '../../../src/inet/ip-address.js';
import { Prefix } from '../../../src/inet/prefix.js';
import { addresses, nearPrefixes, prefixes } from './arbitraries.js';

describe('a prefix', () => {
  test('is read back from its text as the same value', () => {
    fc.assert(fc.property(prefixes, (prefix) => Prefix.parse(`${prefix}`).equals(prefix)));
  });

  test('contains its first and last address, and as many as its size says', () => {
    fc.assert(
      fc.property(prefixes, (prefix) => {
        expect(prefix.contains(prefix.first) && prefix.contains(prefix.last)).toBe(true);
        expect(prefix.last.value - prefix.first.value + 1n).toBe(prefix.size);
      }),
    );
  });

  test('contains an address exactly when the prefix of its length around the address is itself', () => {
    fc.assert(
      fc.property(prefixes, addresses, (prefix, address) => {
        fc.pre(prefix.family === address.family);
        expect(prefix.contains(address)).toBe(Prefix.around(address, prefix.length).equals(prefix));
      }),
    );
  });

  test('overlaps another exactly when they have an address in common', () => {
    fc.assert(
      fc.property(nearPrefixes, nearPrefixes, (one, other) => {
        const common = one.first.value <= other.last.value && other.first.value <= one.last.value;
        expect(one.overlaps(other)).toBe(common);
        expect(other.overlaps(one)).toBe(common);
      }),
    );
  });

  test('covers another exactly when it contains its ends, and two that cover each other are equal', () => {
    fc.assert(
      fc.property(nearPrefixes, nearPrefixes, (one, other) => {
        expect(one.covers(other)).toBe(one.contains(other.first) && one.contains(other.last));
        expect(one.covers(other) && other.covers(one)).toBe(one.equals(other));
      }),
    );
  });

  test('of one family never meets the other family', () => {
    const every = Prefix.parse('0.0.0.0/0');
    expect(every.overlaps(Prefix.parse('::/0'))).toBe(false);
    expect(every.contains(IpAddress.parse('::1'))).toBe(false);
  });

  test('with host bits set is refused, naming the canonical form', () => {
    expect(() => Prefix.parse('10.1.2.3/24')).toThrow('did you mean 10.1.2.0/24?');
    expect(() => Prefix.parse('fd00::1/64')).toThrow('did you mean fd00::/64?');
  });

  test.each([
    '10.1.2.0',
    '10.1.2.0/',
    '10.1.2.0/33',
    '::/129',
    '10.1.2.0/024',
    '10.1.2.0/+8',
    '/24',
    '10.1.2.0/24/8',
    'a/8',
  ])('%j is refused', (text) => {
    expect(() => Prefix.parse(text)).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });

  test('reads an interface address as the address and the subnet around it', () => {
    const { address, prefix } = Prefix.parseInterface('10.1.2.3/24');
    expect([`${address}`, `${prefix}`]).toEqual(['10.1.2.3', '10.1.2.0/24']);
  });
});
