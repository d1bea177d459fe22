import { describe, expect, test } from '@jest/globals';
import { putBinding, putHold } from '../../../src/model/by-host.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import { ownershipOf } from '../../../src/store/known/own-keys.js';
import { lostOfOthers, planPutBack } from '../../../src/store/known/plan-put-back.js';
import { Removals } from '../../../src/store/known/removals.js';
import type { Entry } from '../../../src/store/store.js';

const ownership = ownershipOf('me');
const POOL = 'xnet-local~10.1.0.0/24';
const REVISION = 99.5;

const entry = (key: string, value: string, revision: number, createRevision = revision): Entry => ({
  ...{ key, value, revision, createRevision },
});
const address = (hostId: string, claim = 'c') =>
  formatRecord({
    ...{ version: 1 as const, state: 'claimed' as const, hostId, hostName: hostId, claim },
    ...{ references: [], purpose: 'endpoint' as const },
  });
const endpoint = (hostId: string) =>
  formatRecord({
    ...{ version: 1 as const, id: 'e', networkId: 'n', dockerNetworkId: 'd', hostId },
    ...{ addresses: [], mac: '02:00:00:00:00:01' },
  });

interface Case {
  readonly before?: Entry;
  readonly now?: Entry;
  /** Last of the key that was seen to be removed. */
  readonly removed?: Entry;
}

function plan({ before, now, removed }: Case) {
  const removals = new Removals();
  if (removed) removals.note(removed, removed.revision + 1);
  const restored = {
    before: before ? [before] : [],
    now: now ? [now] : [],
    removals,
  };
  return planPutBack(restored, ownership, REVISION).map(({ value = 'removed', base }) => [value, base]);
}

const COMMON = [
  ...[keys.network('n'), keys.vni(7), keys.name('shop'), keys.bindingGuard('n')],
  ...[
    keys.pool(POOL),
    keys.poolGuard(),
    keys.poolReferenceGuard(POOL),
    keys.poolReference(POOL, 'cluster', 'r'),
  ],
];
const MINE = [
  [keys.binding('n', 'me', 'd'), 'binding'],
  [keys.poolReference(POOL, 'me', 'r'), 'reference'],
  [keys.host('me'), 'host'],
  [keys.vtep('198.18.0.1'), 'me'],
  [keys.endpoint('n', 'e'), endpoint('me')],
  [keys.address(POOL, '10.1.0.2'), address('me')],
] as const;
const OTHERS = [
  [keys.binding('n', 'other', 'd'), 'binding'],
  [keys.poolReference(POOL, 'other', 'r'), 'reference'],
  [keys.host('other'), 'host'],
  [keys.vtep('198.18.0.2'), 'other'],
  [keys.alive('other'), 'lease'],
  [keys.endpoint('n', 'e'), endpoint('other')],
  [keys.address(POOL, '10.1.0.2'), address('other')],
] as const;

test('this host’s record from before its twins does not say that they are complete when it is put back', () => {
  const record = {
    ...{ version: 1 as const, id: 'me', name: 'h1', vtep: '198.18.0.1' },
    ...{ vxlanPort: 4789, xnetVersion: 'test' },
  };
  const before = entry(keys.host('me'), formatRecord({ ...record, name: 'renamed', twins: true }), 9, 3);
  const renamed = formatRecord({ ...record, name: 'renamed' });
  expect(plan({ before, now: entry(keys.host('me'), formatRecord(record), 4, 3) })).toEqual([[renamed, 4]]);
  expect(plan({ before, now: entry(keys.host('me'), renamed, 4, 3) })).toEqual([]);
  const now = entry(keys.host('me'), formatRecord({ ...record, twins: true }), 4, 3);
  expect(plan({ before, now })).toEqual([[before.value, 4]]);
});

describe.each(COMMON)('a common record: %s', (key) => {
  test('lost: put back', () => {
    expect(plan({ before: entry(key, 'a', 5) })).toEqual([['a', 0]]);
  });

  test('back though it was seen to be removed: removed again, unless made anew after the restore', () => {
    const removed = entry(key, 'a', 5);
    expect(plan({ now: removed, removed })).toEqual([['removed', 5]]);
    expect(plan({ now: entry(key, 'a', 8), removed })).toEqual([]);
    expect(plan({ now: entry(key, 'a', 8) })).toEqual([]);
  });

  test('as it was before a change: changed again', () => {
    expect(plan({ before: entry(key, 'new', 9, 5), now: entry(key, 'old', 5) })).toEqual([['new', 5]]);
  });

  test('back in the place of its successor: the successor is put back', () => {
    expect(plan({ before: entry(key, 'new', 9), now: entry(key, 'old', 5) })).toEqual([['new', 5]]);
  });
});

describe.each(MINE)('a record of this host: %s', (key, value) => {
  test('lost: put back; back though this host has it no more: removed again', () => {
    expect(plan({ before: entry(key, value, 5) })).toEqual([[value, 0]]);
    expect(plan({ now: entry(key, value, 5) })).toEqual([['removed', 5]]);
    expect(plan({ before: entry(key, value, 5), now: entry(key, value, 5) })).toEqual([]);
  });
});

describe.each([
  putBinding({ version: 1, networkId: 'n', hostId: 'me', dockerNetworkId: 'd' }),
  putHold({ version: 1, poolKey: POOL, hostId: 'me', hostName: 'me', reference: 'r' }),
])('what this host knows by its twin: %p', ({ put: key, value }, { put: twin }) => {
  const keysOf = (restored: { before?: Entry[]; now?: Entry[] }) =>
    planPutBack({ before: [], now: [], removals: new Removals(), ...restored }, ownership, REVISION);

  test('lost with it: both are put back', () => {
    expect(keysOf({ before: [entry(twin, value, 5)] })).toEqual([
      { key: twin, base: 0, revision: REVISION, value },
      { key, base: 0, revision: REVISION, value },
    ]);
  });

  test('back with it: both are removed again', () => {
    expect(keysOf({ now: [entry(twin, value, 5)] })).toEqual([
      { key: twin, base: 5, revision: REVISION },
      { key, base: 0, revision: REVISION },
    ]);
  });
});

describe.each(OTHERS)('a record of another host: %s', (key, value) => {
  test('lost, or back: left to that host', () => {
    expect(plan({ before: entry(key, value, 5) })).toEqual([]);
    expect(plan({ now: entry(key, value, 5) })).toEqual([]);
  });
});

test.each(OTHERS.filter(([key]) => /^(bindings|pool-references|endpoints)/.test(key)))(
  'what another host, which may be gone, had and was seen to be removed goes again: %s',
  (key, value) => {
    const removed = entry(key, value, 5);
    expect(plan({ now: removed, removed })).toEqual([['removed', 5]]);
  },
);

test('what other hosts have to put back is all of theirs that was not there for a time only', () => {
  const before = [...OTHERS, ...MINE.filter(([key]) => !OTHERS.some(([other]) => other === key))];
  const resting = formatRecord({ ...JSON.parse(address('other')), state: 'resting' });
  const restored = {
    before: [...before, [keys.address(POOL, '10.1.0.3'), resting], [keys.network('n'), 'n']].map(
      ([key, value]) => entry(key as string, value as string, 5),
    ),
    now: [entry(keys.host('other'), 'host', 3)],
    removals: new Removals(),
  };
  const expected = OTHERS.map(([key]) => key).filter((key) => !/^(alive|hosts)/.test(key));
  expect(lostOfOthers(restored, ownership).map(({ key }) => key)).toEqual(expected);
});

describe('an address', () => {
  const key = keys.address(POOL, '10.1.0.2');

  test('that was another host’s at the backup and this one’s since is this one’s again', () => {
    const now = entry(key, address('other'), 5);
    expect(plan({ before: entry(key, address('me'), 9), now })).toEqual([[address('me'), 5]]);
  });

  test('that another host has claimed since the restore is given up, if the store still says so', () => {
    const now = entry(key, address('other'), 20);
    expect(plan({ before: entry(key, address('me'), 9), now })).toEqual([[address('me'), 0]]);
  });

  test('that was this host’s at the backup and another’s since is the other’s again', () => {
    const now = entry(key, address('me'), 5);
    expect(plan({ before: entry(key, address('other'), 9), now })).toEqual([[address('other'), 5]]);
  });

  test('that was this host’s at the backup and rested since is free: nothing would end its rest', () => {
    const resting = formatRecord({ ...JSON.parse(address('me')), state: 'resting', references: [] });
    const now = entry(key, address('me'), 5);
    expect(plan({ before: entry(key, resting, 9, 5), now })).toEqual([['removed', 5]]);
  });

  test('that another host has again though it was seen to give it up stays: it may have claimed it anew', () => {
    const removed = entry(key, address('other'), 5);
    expect(plan({ now: removed, removed })).toEqual([]);
  });
});
