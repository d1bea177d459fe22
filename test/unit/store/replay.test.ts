import { expect, test } from '@jest/globals';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import { ownershipOf } from '../../../src/store/known/own-keys.js';
import { type Resolution, resolveWrite } from '../../../src/store/outage/replay.js';

const key = keys.address('xnet-local/10.1.0.0/24', '10.1.0.2');
const { isOwn } = ownershipOf('me');

const address = (hostId: string, state: 'claimed' | 'resting') =>
  formatRecord({
    ...{ version: 1, state, hostId, hostName: hostId, claim: 'c' },
    ...{ references: [], purpose: 'endpoint' },
  });

/** What becomes of a write of `value` that this host made while the store was away, which has `stored` by now. */
function resolve(value: string | undefined, stored: string | undefined): Resolution {
  const entry = stored === undefined ? undefined : { key, value: stored, revision: 9, createRevision: 9 };
  return resolveWrite({ key, value, revision: 5.5, base: 5 }, entry, isOwn);
}

test('what this host claims is written where nobody has the address, and given up where another host has', () => {
  const claimed = address('me', 'claimed');
  expect(resolve(claimed, undefined)).toBe('write');
  expect(resolve(claimed, claimed)).toBe('as-written');
  expect(resolve(claimed, address('other', 'claimed'))).toBe('lost');
});

test.each([undefined, address('me', 'resting')])(
  'nothing is lost where another host has taken what this host gave up (%j)',
  (givenUp) => {
    expect(resolve(givenUp, address('me', 'claimed'))).toBe('write');
    expect(resolve(givenUp, address('other', 'claimed'))).toBe('as-written');
  },
);
