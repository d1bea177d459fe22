import { expect, test } from '@jest/globals';
import { isContradicted } from '../../../src/store/known/is-contradicted.js';
import { Removals } from '../../../src/store/known/removals.js';
import type { Entry } from '../../../src/store/store.js';

const entry = (key: string, revision: number, value = 'v'): Entry => ({
  ...{ key, value, revision, createRevision: revision },
});
const removals = new Removals();
removals.note(entry('names/gone', 3), 6);
removals.note(entry('names/leaving', 4), 12);

/** Known up to revision 10; the last is a commit of this host's that no watch has told yet. */
const known = {
  revision: 10,
  entries: [entry('names/a', 2), entry('names/b', 9), entry('names/own', 11)],
  removals,
};
const told = [entry('names/a', 2), entry('names/b', 9)];

test('a store that says what it said, or does not know any more, is the same', () => {
  expect(isContradicted(known, told)).toBe(false);
  expect(isContradicted(known, 'forgotten')).toBe(false);
});

test('a store that has not had the revision was restored', () => {
  expect(isContradicted(known, 'to come')).toBe(true);
});

test('a store that had something else at the revision, or nothing, was restored', () => {
  expect(isContradicted(known, [entry('names/a', 2)])).toBe(true);
  expect(isContradicted(known, [entry('names/a', 2), entry('names/b', 8)])).toBe(true);
  expect(isContradicted(known, [entry('names/a', 2), entry('names/b', 9, 'other')])).toBe(true);
});

test('a store that had what had been removed by then was restored', () => {
  expect(isContradicted(known, [...told, entry('names/gone', 3)])).toBe(true);
  // This host's own removal came later.
  expect(isContradicted(known, [...told, entry('names/leaving', 4)])).toBe(false);
});
