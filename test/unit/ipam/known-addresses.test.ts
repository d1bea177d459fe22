import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KnownAddresses } from '../../../src/ipam/pools/known-addresses.js';
import { keys } from '../../../src/store/keys.js';
import { formatRecord } from '../../../src/store/records.js';
import type { Change, Entry } from '../../../src/store/store.js';

const POOL = 'xnet-local~10.1.0.0/24';
const keyOf = (last: number) => keys.address(POOL, `10.1.0.${last}`);
const record = (claim: string) =>
  formatRecord({
    ...{ version: 1, state: 'claimed', hostId: 'h', hostName: 'h', claim },
    ...{ references: [], purpose: 'endpoint' },
  });

/** A history: at each revision one address is written (true) or removed. */
const histories = fc.array(fc.record({ last: fc.integer({ min: 2, max: 6 }), isPut: fc.boolean() }), {
  maxLength: 40,
});

function play(history: { last: number; isPut: boolean }[]) {
  const entries = new Map<string, Entry>();
  const states: Entry[][] = [[]];
  const changes: Change[] = history.map(({ last, isPut }, index) => {
    const [key, revision] = [keyOf(last), index + 1];
    const createRevision = entries.get(key)?.createRevision ?? revision;
    const entry = { key, value: record(`${revision}`), revision, createRevision };
    if (isPut) entries.set(key, entry);
    else entries.delete(key);
    states.push([...entries.values()]);
    return isPut ? { type: 'put', entry } : { type: 'remove', key, revision };
  });
  return { changes, states };
}

const revisionsOf = (known: KnownAddresses) => [...known.all()].map(({ revision }) => revision).sort();

describe('what is known of the addresses of a pool', () => {
  test('is the same in the end, however early commits and lists are known before the watch tells', () => {
    fc.assert(
      fc.property(histories, fc.array(fc.nat(39)), fc.array(fc.nat(39)), (history, own, lists) => {
        const { changes, states } = play(history);
        const known = new KnownAddresses(POOL);
        known.replace({ revision: 0, entries: [] });
        for (const [index, change] of changes.entries()) {
          // Commits of this host are known before the watch has told all that came before them.
          for (const ahead of changes.slice(index).filter((_, at) => own.includes(index + at) && at < 5)) {
            if (ahead.type === 'put')
              known.note([{ put: ahead.entry.key, value: ahead.entry.value }], ahead.entry.revision);
            else known.note([{ remove: ahead.key }], ahead.revision);
          }
          const listed = Math.min(index + 3, history.length);
          if (lists.includes(index)) known.replace({ revision: listed, entries: states[listed] ?? [] });
          known.follow([change]);
        }
        expect(revisionsOf(known)).toEqual((states.at(-1) ?? []).map(({ revision }) => revision).sort());
      }),
    );
  });

  test('never goes back to an older state of an address', () => {
    const known = new KnownAddresses(POOL);
    const entry = (revision: number) => ({ key: keyOf(2), value: record('a'), revision, createRevision: 1 });
    const address = (10n << 24n) + (1n << 16n) + 2n;
    known.learn(entry(5));
    known.follow([{ type: 'put', entry: entry(3) }]);
    expect(known.get(address)?.revision).toBe(5);
    known.learnAbsent(keyOf(2), 7);
    known.learn(entry(6));
    expect(known.has(address)).toBe(false);
  });

  test('counts an address as taken when its record cannot be read', () => {
    const known = new KnownAddresses(POOL);
    known.learn({ key: keyOf(2), value: '{"version":2}', revision: 1, createRevision: 1 });
    expect([...known.all()]).toMatchObject([{ record: undefined }]);
  });

  test('takes no notice of the addresses of other pools', () => {
    const known = new KnownAddresses(POOL);
    known.learn({
      key: keys.address('xnet-local~10.2.0.0/24', '10.2.0.2'),
      value: '',
      revision: 1,
      createRevision: 1,
    });
    expect([...known.all()]).toEqual([]);
  });
});
