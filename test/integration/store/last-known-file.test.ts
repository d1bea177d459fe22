/** What is last known of the store, on disk: written as it changes, whole or not at all, and never the reason of a failure. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LastKnown } from '../../../src/store/known/last-known.js';
import { run } from '../../support/programs/command.js';
import { entryAt, type KnownFiles, makeKnownFiles } from '../../support/store/known-files.js';
import { eventually } from '../../support/time/eventually.js';

let files: KnownFiles;
beforeEach(async () => {
  files = await makeKnownFiles();
});
afterEach(async () => files[Symbol.asyncDispose]());

const PREFIXES = ['a/', 'a/b/', 'c/'];
const sizeOf = async () => (await stat(files.path())).size;

/** `count` records under a/, at revisions from 1 on. */
async function writeMany(count: number): Promise<void> {
  await using file = await files.open();
  const entries = Array.from({ length: count }, (_, n) => entryAt(`a/${n % 100}/${n}`, n + 1));
  file.known.learnWatched('a/', { revision: count, entries });
}

async function learn(revision: number, key = 'a/0/0', value?: string): Promise<void> {
  await using file = await files.open();
  file.known.learnChanges('a/', [{ key, revision, entry: entryAt(key, revision, value) }], revision);
}

describe('what is written', () => {
  const step = fc.record({
    what: fc.constantFrom('put', 'remove', 'snapshot', 'restore', 'restart'),
    prefix: fc.constantFrom(...PREFIXES),
    keys: fc.uniqueArray(fc.constantFrom('1', '2', '3', 'b/4', 'b/5'), { minLength: 1 }),
  });

  test('is read again as it was, whatever has happened', async () => {
    const sorted = ({ facts: { content } }: LastKnown) =>
      Object.entries(content).map(([name, part]) =>
        typeof part === 'number' ? part : [name, [...part].sort()],
      );
    const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps): Promise<void> => {
      await using mine = await makeKnownFiles();
      let file = await mine.open();
      let revision = 0;
      for (const { what, prefix, keys } of steps) {
        revision += 1;
        const of = keys.map((key) => `${prefix}${key}`);
        const entries = of.map((key) => entryAt(key, revision));
        if (what === 'snapshot') file.known.learnWatched(prefix, { revision, entries });
        if (what === 'put' || what === 'remove') {
          const changes = entries.map((entry) => ({
            key: entry.key,
            revision,
            entry: what === 'put' ? entry : undefined,
          }));
          file.known.learnChanges(prefix, changes, revision);
        }
        if (what === 'restore') file.known.goBackTo(Math.floor(revision / 2));
        if (what !== 'restart') continue;
        await file[Symbol.asyncDispose]();
        const before = sorted(file.known);
        file = await mine.open();
        expect(sorted(file.known)).toEqual(before);
      }
      await file[Symbol.asyncDispose]();
    });
    await fc.assert(property, { numRuns: 60 });
  });

  test('is only what has changed: one change of 10,000 records costs a few lines', async () => {
    await writeMany(10_000);
    const before = await sizeOf();
    await learn(10_001);
    expect((await sizeOf()) - before).toBeLessThan(400);
    expect(await files.read()).toHaveLength(10_000);
  });

  test('is nothing when a watch begins anew and yields what is known', async () => {
    await writeMany(1000);
    const before = await sizeOf();
    await writeMany(1000);
    expect((await sizeOf()) - before).toBeLessThan(200);
  });

  test('does not outgrow what is known, however often that changes', async () => {
    await using file = await files.open();
    for (let revision = 1; revision <= 1000; revision += 1) {
      file.known.learnChanges('a/', [{ key: 'a/1', revision, entry: entryAt('a/1', revision) }], revision);
      file.flush();
    }
    await file[Symbol.asyncDispose]();
    expect(await sizeOf()).toBeLessThan(30_000);
    expect(await files.read()).toEqual([entryAt('a/1', 1000)]);
  });

  test('is for root alone', async () => {
    await writeMany(1);
    expect((await stat(files.path())).mode & 0o777).toBe(0o600);
  });

  test('is written anew when somebody has removed the file', async () => {
    await using file = await files.open();
    file.known.learnWatched('a/', { revision: 1, entries: [entryAt('a/1', 1)] });
    file.flush();
    await eventually(sizeOf);
    await run(['rm', files.path()]);
    file.known.learnChanges('a/', [{ key: 'a/2', revision: 2, entry: entryAt('a/2', 2) }], 2);
    await file[Symbol.asyncDispose]();
    expect(await files.read()).toEqual([entryAt('a/1', 1), entryAt('a/2', 2)]);
  });
});

describe('a file that is not whole', () => {
  test('cut at whatever byte of the last write, has what was known before it, and takes what comes', async () => {
    await learn(1);
    const before = (await readFile(files.path())).length;
    await learn(2, 'a/0/1', 'ü');
    const whole = await readFile(files.path());
    for (let length = before; length < whole.length; length += 1) {
      await writeFile(files.path(), whole.subarray(0, length));
      expect(await files.read()).toEqual([entryAt('a/0/0', 1)]);
    }
    await learn(3, 'a/0/2');
    expect(await files.read()).toEqual([entryAt('a/0/0', 1), entryAt('a/0/2', 3)]);
  });

  test('with a hole in the last write, as a power cut may leave it, has what was known before it', async () => {
    await learn(1);
    const before = (await readFile(files.path())).length;
    await learn(2, 'a/0/1');
    const whole = await readFile(files.path());
    await writeFile(files.path(), Buffer.from(whole).fill(0, before, before + 20));
    expect(await files.read()).toEqual([entryAt('a/0/0', 1)]);
  });

  test.each(['nothing', 'noise', 'a hole before the last write', 'another store', 'one long line'])(
    'is of no use with %s in it, and is replaced',
    async (what) => {
      for (const revision of [1, 2, 3]) await learn(revision, `a/0/${revision}`);
      const whole = await readFile(files.path());
      const contents: Record<string, string | Buffer> = {
        nothing: '',
        noise: Buffer.from(Array.from({ length: 5000 }, (_, n) => (n * 7919) % 256)),
        'a hole before the last write': Buffer.from(whole).fill(
          0,
          whole.indexOf('a/0/1'),
          whole.indexOf('a/0/1') + 9,
        ),
        'another store': whole.toString().replace('"etcd"', '"another"'),
        'one long line': Buffer.alloc(40 << 20, 'x'),
      };
      await writeFile(files.path(), contents[what] ?? '');
      expect(await files.read()).toEqual([]);
      await learn(9);
      expect(await files.read()).toEqual([entryAt('a/0/0', 9)]);
    },
  );
});

describe('last-known.json of an earlier xnet', () => {
  const former = (store = 'etcd') =>
    JSON.stringify({
      ...{ version: 1, store, revision: 7, prefixes: [['a/', 7]], entries: [entryAt('a/old', 7)] },
      removed: [{ key: 'a/gone', createRevision: 2, removedAt: 3 }],
    });

  test('is read, and removed once its successor is on disk', async () => {
    await writeFile(files.path('last-known.json'), former());
    await using file = await files.open();
    expect(file.known.list('a/')).toEqual([entryAt('a/old', 7)]);
    expect(file.known.removals.find('a/gone')).toBeDefined();
    await stat(files.path('last-known.json'));
    await file[Symbol.asyncDispose]();
    await expect(stat(files.path('last-known.json'))).rejects.toThrow('ENOENT');
    expect(await files.read()).toEqual([entryAt('a/old', 7)]);
  });

  test('counts where both are there: an xnet that was set back has written it since', async () => {
    await learn(1);
    await writeFile(files.path('last-known.json'), former());
    expect(await files.read()).toEqual([entryAt('a/old', 7)]);
    expect(await files.read()).toEqual([entryAt('a/old', 7)]);
  });

  test.each(['of another store', 'damaged'])('%s, says nothing', async (what) => {
    await learn(1);
    await writeFile(
      files.path('last-known.json'),
      what === 'damaged' ? former().slice(0, 50) : former('another'),
    );
    expect(await files.read()).toEqual([]);
    await expect(stat(files.path('last-known.json'))).rejects.toThrow('ENOENT');
  });
});
