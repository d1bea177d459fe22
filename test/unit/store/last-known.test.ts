import { expect, test } from '@jest/globals';
import { LastKnown } from '../../../src/store/known/last-known.js';

const entry = (revision: number, createRevision = revision) => ({
  key: 'a/1',
  value: `at ${revision}`,
  revision,
  createRevision,
});

function known(): LastKnown {
  const store = new LastKnown();
  store.learnWatched('a/', { revision: 5, entries: [] });
  return store;
}

test('what a watch has seen to be removed does not come back by the late answer to the commit that made it', () => {
  const store = known();
  store.learnChanges('a/', [{ key: 'a/1', revision: 6, entry: entry(6) }], 6);
  store.learnChanges('a/', [{ key: 'a/1', revision: 7, entry: undefined }], 7);
  store.learnCommit([{ put: 'a/1', value: 'at 6' }], 6);
  expect(store.list('a/')).toEqual([]);
});

test('nor where the watch had the removal alone, of a change that it brought together', () => {
  const store = known();
  store.learnChanges('a/', [{ key: 'a/1', revision: 7, entry: undefined }], 7);
  store.learnCommit([{ put: 'a/1', value: 'at 6' }], 6);
  expect(store.list('a/')).toEqual([]);
});

test('what is made again after its removal is there', () => {
  const store = known();
  store.learnChanges('a/', [{ key: 'a/1', revision: 7, entry: undefined }], 7);
  store.learnCommit([{ put: 'a/1', value: 'at 8' }], 8);
  expect(store.get('a/1')).toEqual(entry(8));
});

test('revisions of before a restore say nothing about those of after it', () => {
  const store = known();
  store.learnChanges('a/', [{ key: 'a/1', revision: 70, entry: undefined }], 70);
  store.goBackTo(5);
  store.learnChanges('a/', [{ key: 'a/1', revision: 6, entry: entry(6) }], 6);
  expect(store.get('a/1')).toEqual(entry(6));
});
