/** What a process that is not the daemon reads of the state directory. */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { OwnWrites } from '../../../src/store/known/own-writes.js';
import { readLastKnown } from '../../../src/store/known/read-last-known.js';
import { entryAt, type KnownFiles, makeKnownFiles } from '../../support/store/known-files.js';

const STORE = 'etcd http://h1:2379 under /xnet/';

let files: KnownFiles;
beforeEach(async () => {
  files = await makeKnownFiles();
  await using file = await files.open(STORE);
  file.known.learnWatched('a/', {
    revision: 3,
    entries: [entryAt('a/1', 1), entryAt('a/2', 2), entryAt('a/3', 3)],
  });
});
afterEach(async () => files[Symbol.asyncDispose]());

const read = async () =>
  (await readLastKnown(files.directory))?.entries.map(({ key, value }) => `${key} ${value}`);

test('it is of whichever store, and from when it was written', async () => {
  const known = await readLastKnown(files.directory);
  expect(known?.store).toBe(STORE);
  expect(Date.now() - (known?.writtenAt.getTime() ?? 0)).toBeLessThan(600_000);
  expect(await read()).toEqual(['a/1 at 1', 'a/2 at 2', 'a/3 at 3']);
});

test('what this host wrote while the store was away is in it, and what it removed is not', async () => {
  await using writes = await OwnWrites.open(files.path('own-writes.jsonl'), STORE);
  await writes.keep([
    { key: 'a/1', base: 1, revision: 3.1 },
    { key: 'a/2', base: 2, revision: 3.2, value: 'own' },
    { key: 'a/4', base: 0, revision: 3.3, value: 'own' },
  ]);
  expect(await read()).toEqual(['a/2 own', 'a/3 at 3', 'a/4 own']);
});

test('a line that is being written is left out, and the file stays as it is', async () => {
  await appendFile(files.path(), '{"key":"a/9","val');
  const before = await readFile(files.path(), 'utf8');
  expect(await read()).toEqual(['a/1 at 1', 'a/2 at 2', 'a/3 at 3']);
  expect(await readFile(files.path(), 'utf8')).toBe(before);
});

test('nothing is read of what is absent or damaged', async () => {
  await writeFile(files.path(), 'no journal\n');
  expect(await readLastKnown(files.directory)).toBeUndefined();
  expect(await readLastKnown('/nowhere')).toBeUndefined();
});
