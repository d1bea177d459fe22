import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isXnetError } from '../../../src/errors.js';
import { parseKeeperMessage, parseRequest } from '../../../src/keeper/messages.js';

const REQUESTS = [
  { id: 1, op: 'hold', key: 'sandbox/4f2a/udp', fd: 23 },
  { id: 2, op: 'release', key: 'plugin' },
  { id: 3, op: 'list' },
  { id: 4, op: 'relay', key: 'plugin', to: '/run/xnet/calls' },
  { id: 5, op: 'end-relay', key: 'plugin' },
];
const MESSAGES = [
  { event: 'upgrade' },
  { id: 1, failure: 'EBADF' },
  {
    id: 2,
    held: [{ key: 'plugin', fd: 19, given: true }],
    keeper: { pid: 1, deaths: 2, lastDeath: 'was killed' },
  },
  { event: 'keeper', keeper: { pid: 1, deaths: 0, refusedUpgrade: { reason: 'no', at: 'now' } } },
];

describe('messages between daemon and keeper', () => {
  test('are read as they were said', () => {
    for (const request of REQUESTS) expect(parseRequest({ xnet: 1, ...request })).toEqual(request);
    for (const message of MESSAGES) expect(parseKeeperMessage({ xnet: 1, ...message })).toEqual(message);
  });

  test('are refused when they are of another version or lack anything', () => {
    const damaged = (message: object) =>
      Object.keys(message).map((key) => ({ xnet: 1, ...message, [key]: undefined }));
    for (const request of REQUESTS) {
      for (const wrong of [request, { xnet: 2, ...request }, ...damaged(request)]) {
        expect(() => parseRequest(wrong)).toThrow(/do not understand each other/);
      }
    }
    for (const message of MESSAGES) {
      for (const wrong of [message, ...damaged(message)]) {
        expect(() => parseKeeperMessage(wrong)).toThrow(/do not understand each other/);
      }
    }
  });

  test('of any other shape are refused as INVALID', () => {
    fc.assert(
      fc.property(fc.anything(), (message) => {
        for (const parse of [parseRequest, parseKeeperMessage]) {
          for (const said of [message, { xnet: 1, id: 1, held: message, op: message }]) {
            try {
              const parsed = parse(said);
              expect(Array.isArray(message) && parsed).toMatchObject({ held: [] });
            } catch (error: unknown) {
              expect(isXnetError(error, 'INVALID')).toBe(true);
            }
          }
        }
      }),
    );
  });

  test('name keys of 1 to 255 printable characters', () => {
    const hold = (key: string) => () => parseRequest({ xnet: 1, id: 1, op: 'release', key });
    for (const key of ['a', 'x'.repeat(255), 'sandbox/0-9:~!']) expect(hold(key)).not.toThrow();
    for (const key of ['', 'x'.repeat(256), 'a b', 'a\n', 'ä']) expect(hold(key)).toThrow();
  });
});
