import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { IpAddress } from '../../../src/inet/ip-address.js';
import { ipBytes, ipText, macText } from '../../../src/native/netlink/texts.js';

/** Runs of zeros are what the short form is about. */
const group = fc.oneof(fc.constant(0), fc.constant(0x10), fc.integer({ min: 0, max: 0xffff }));

test('an IPv6 address from the kernel is written as all of xnet writes it, and read again', () => {
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const bytes = Buffer.alloc(16);
      for (const [i, each] of groups.entries()) bytes.writeUInt16BE(each, 2 * i);
      expect(ipBytes(ipText(bytes))).toEqual(bytes);
      expect(ipText(bytes)).toBe(`${IpAddress.of(6, BigInt(`0x${bytes.toString('hex')}`))}`);
    }),
  );
});

test('so are IPv4 and MAC addresses', () => {
  expect(ipText(Buffer.from([10, 0, 1, 255]))).toBe('10.0.1.255');
  expect(ipBytes('10.0.1.255')).toEqual(Buffer.from([10, 0, 1, 255]));
  expect(macText(Buffer.from('02000a0001ff', 'hex'))).toBe('02:00:0a:00:01:ff');
});
