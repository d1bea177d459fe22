import { describe, expect, test } from '@jest/globals';
import dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { readAddressAnswer } from '../../../src/dns/answers/response.js';

const answerOf = (more: Partial<dnsPacket.Packet> = {}): Buffer =>
  dnsPacket.encode({
    ...{ type: 'response', id: 7, flags: 0x0180, questions: [{ type: 'A', name: 'Web.shop' }] },
    answers: [
      { type: 'CNAME', name: 'Web.shop', data: 'other.shop' },
      { type: 'A', name: 'other.shop', data: '10.1.0.2' },
      { type: 'A', name: 'other.shop', data: '10.1.0.3' },
    ],
    ...more,
  });

const read = (message: Buffer) =>
  readAddressAnswer(message)?.addresses.map((address) => [...address].join('.'));

describe('an answer with addresses', () => {
  test('is read, with what was asked', () => {
    expect(read(answerOf())).toEqual(['10.1.0.2', '10.1.0.3']);
    expect(readAddressAnswer(answerOf())?.query).toMatchObject({ id: 7, name: 'Web.shop', type: 1 });
  });

  test('is read with names that are compressed', () => {
    const whole = answerOf({ answers: [] });
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 2, 88, 0, 4, 10, 1, 0, 9]);
    whole.writeUInt16BE(1, 6);
    expect(read(Buffer.concat([whole, record]))).toEqual(['10.1.0.9']);
  });

  test('has no address where it is cut short, at most fewer', () => {
    const whole = answerOf();
    for (let length = 0; length < whole.length; length++)
      expect([undefined, ['10.1.0.2']]).toContainEqual(read(whole.subarray(0, length)));
  });

  test.each([
    ['a query', { type: 'query' }],
    ['a failure', { flags: 0x0183 }],
    ['another type', { questions: [{ type: 'AAAA', name: 'web' }] }],
    [
      'two questions',
      {
        questions: [
          { type: 'A', name: 'web' },
          { type: 'A', name: 'db' },
        ],
      },
    ],
    ['no answer', { answers: [] }],
    ['no address', { answers: [{ type: 'TXT', name: 'web', data: 'x' }] }],
  ] as [string, Partial<dnsPacket.Packet>][])('is not %s', (_, more) => {
    expect(read(answerOf(more))).toBeUndefined();
  });

  test('is never read beyond its end, whatever it holds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 80 }), fc.nat(100), (bytes, at) => {
        const message = Buffer.concat([answerOf().subarray(0, at), bytes]);
        for (const address of readAddressAnswer(message)?.addresses ?? []) expect(address).toHaveLength(4);
      }),
    );
  });
});
