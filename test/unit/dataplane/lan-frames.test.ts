/** Questions and answers of a LAN, byte for byte as the RFCs have them. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseAnswer, questionFor } from '../../../src/dataplane/lan/asking/lan-frames.js';

const OWN = '02:00:00:00:00:01';
const OTHER = '02:00:00:00:00:09';
const hex = (text: string) => Buffer.from(text.replace(/[^0-9a-f]/g, ''), 'hex');

test('an ARP probe names nobody as its sender (RFC 5227)', () => {
  expect(questionFor('10.1.0.9', OWN)).toEqual(
    hex('ffffffffffff 020000000001 0806  0001 0800 06 04 0001  020000000001 00000000  000000000000 0a010009'),
  );
});

test('a neighbour solicitation is that of duplicate address detection (RFC 4862), with a right checksum', () => {
  const frame = questionFor('fd00::1:9', OWN);
  expect(frame.subarray(0, 54)).toEqual(
    hex(
      '3333ff010009 020000000001 86dd  60000000 0018 3a ff 00000000000000000000000000000000 ff0200000000000000000001ff010009',
    ),
  );
  // Over the pseudo header it adds up to all ones (RFC 1071).
  const pseudo = Buffer.concat([frame.subarray(22, 54), hex('00000018 0000003a'), frame.subarray(54)]);
  let sum = 0;
  for (let at = 0; at < pseudo.length; at += 2) sum += pseudo.readUInt16BE(at);
  expect((sum & 0xffff) + (sum >> 16)).toBe(0xffff);
});

const reply = (sender: string) =>
  hex(`020000000001 020000000009 0806 0001 0800 06 04 0002 020000000009 ${sender} 020000000001 00000000`);

test('a reply, and whatever else a device says of itself, is an answer; a probe of another is none', () => {
  const answer = { address: '10.1.0.9', mac: OTHER };
  expect(parseAnswer(reply('0a010009'))).toEqual(answer);
  const announcement = reply('0a010009');
  announcement.writeUInt16BE(1, 20);
  expect(parseAnswer(announcement)).toEqual(answer);
  expect(parseAnswer(reply('00000000'))).toBeUndefined();
  expect(parseAnswer(questionFor('10.1.0.9', OTHER))).toBeUndefined();
});

const advertisement = (hops: string, options = '') =>
  hex(
    `333300000001 020000000009 86dd 60000000 0018 3a ${hops} fd000000000000000000000000000009 ff020000000000000000000000000001` +
      ` 8800 0000 20000000 fd000000000000000000000000000009 ${options}`,
  );

test('an advertisement names the MAC, or is sent from it; one that a router has passed on does not count', () => {
  expect(parseAnswer(advertisement('ff', '0201 02000000000a'))).toEqual({
    address: 'fd00::9',
    mac: '02:00:00:00:00:0a',
  });
  expect(parseAnswer(advertisement('ff'))).toEqual({ address: 'fd00::9', mac: OTHER });
  expect(parseAnswer(advertisement('fe'))).toBeUndefined();
});

test('no frame is too short or too strange to be looked at', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.constantFrom(0x0806, 0x86dd, 0x8100), (bytes, type) => {
      const frame = Buffer.from(bytes);
      if (frame.length >= 14) frame.writeUInt16BE(type, 12);
      parseAnswer(frame);
    }),
  );
});
