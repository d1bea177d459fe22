import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Changed, Contents } from '../../../src/replica/contents.js';
import type { Change, Entry } from '../../../src/store/store.js';

const keyOf = (last: number) => `a/${last}`;

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
    const entry = { key, value: `${revision}`, revision, createRevision };
    if (isPut) entries.set(key, entry);
    else entries.delete(key);
    states.push([...entries.values()]);
    return { key, revision, entry: isPut ? entry : undefined };
  });
  return { changes, states };
}

const newContents = () => new Contents((entry) => entry);

const revisionsOf = (contents: Contents<Entry>) => [...contents.all()].map(({ revision }) => revision).sort();

const keysOf = (entries: readonly Entry[]) => entries.map(({ key }) => key).sort();

describe('what is known of a prefix', () => {
  test('is the same in the end, however early commits and lists are known before the watch has them', () => {
    fc.assert(
      fc.property(histories, fc.array(fc.nat(39)), fc.array(fc.nat(39)), (history, own, lists) => {
        const { changes, states } = play(history);
        const contents = newContents();
        const changed = new Set<string>();
        const note = (all: readonly Changed<Entry>[]) => {
          for (const { key } of all) changed.add(key);
        };
        note(contents.replace({ revision: 0, entries: [] }));
        for (const [index, change] of changes.entries()) {
          // Commits of this host are known before the watch has brought all that came before them.
          for (const ahead of changes.slice(index).filter((_, at) => own.includes(index + at) && at < 5)) {
            const { key, revision, entry } = ahead;
            note(entry ? contents.put(entry) : contents.remove(key, revision));
          }
          const listed = Math.min(index + 3, history.length);
          if (lists.includes(index))
            note(contents.replace({ revision: listed, entries: states[listed] ?? [] }));
          note(contents.follow([change]));
        }
        const last = states.at(-1) ?? [];
        expect(revisionsOf(contents)).toEqual(last.map(({ revision }) => revision).sort());
        expect(keysOf(last).filter((key) => !changed.has(key))).toEqual([]);
      }),
    );
  });

  test('never goes back to an older state of a key', () => {
    const contents = newContents();
    const entry = (revision: number) => ({ key: keyOf(2), value: '', revision, createRevision: 1 });
    contents.put(entry(5));
    expect(contents.follow([{ key: keyOf(2), revision: 3, entry: entry(3) }])).toEqual([]);
    expect(contents.get(keyOf(2))?.revision).toBe(5);
    contents.remove(keyOf(2), 7);
    expect(contents.put(entry(6))).toEqual([]);
    expect(contents.get(keyOf(2))).toBeUndefined();
  });

  test('is nothing once it is forgotten, and then may begin anew at an earlier revision', () => {
    const contents = newContents();
    const entry = (revision: number) => ({ key: keyOf(2), value: '', revision, createRevision: 1 });
    contents.replace({ revision: 9, entries: [entry(9)] });
    expect(contents.replace({ revision: 4, entries: [] })).toEqual([]);
    expect(contents.forget()).toEqual([{ key: keyOf(2), before: entry(9), now: undefined }]);
    expect(contents.replace({ revision: 4, entries: [entry(3)] })).toEqual([
      { key: keyOf(2), before: undefined, now: entry(3) },
    ]);
  });
});
