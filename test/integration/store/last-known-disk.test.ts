/** What is last known of the store when the disk is full, and when the daemon is killed in the midst of a write. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { LastKnownFile } from '../../../src/store/known/last-known-file.js';
import { OwnWrites } from '../../../src/store/known/own-writes.js';
import { run } from '../../support/programs/command.js';
import { compileSources } from '../../support/programs/compiled-sources.js';
import { entryAt, type KnownFiles, makeKnownFiles } from '../../support/store/known-files.js';
import { eventually } from '../../support/time/eventually.js';

/** A file system of 512 kB, in which the files are. */
async function makeSmallDisk(): Promise<KnownFiles> {
  const outer = await makeKnownFiles();
  await run(['mount', '-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', outer.directory]);
  const inner = await makeKnownFiles(outer.directory);
  const close = async () => {
    await run(['umount', outer.directory]);
    await outer[Symbol.asyncDispose]();
  };
  return { ...inner, [Symbol.asyncDispose]: close };
}

/** Fills the disk but for about `left` bytes. */
async function fill(files: KnownFiles, left: number): Promise<void> {
  await writeFile(files.path('filler'), Buffer.alloc(1 << 20)).catch(() => undefined);
  const { size } = await stat(files.path('filler'));
  await run(['truncate', '-s', `${size - left}`, files.path('filler')]);
}

const makeRoom = (files: KnownFiles) => run(['rm', files.path('filler')]);

function learn(file: LastKnownFile, revision: number, keys: readonly string[], value?: string): void {
  const changes = keys.map((key) => ({ key, revision, entry: entryAt(key, revision, value) }));
  file.known.learnChanges('a/', changes, revision);
  file.flush();
}

test('on a full disk what was written stays, own writes have their room, and the rest follows when there is room', async () => {
  await using files = await makeSmallDisk();
  await using file = await files.open();
  learn(file, 1, ['a/1', 'a/2']);
  await eventually(() => stat(files.path('own-writes.jsonl.spare')));
  const before = (await stat(files.path())).size;
  await fill(files, 0);
  learn(file, 2, ['a/3'], 'x'.repeat(20_000));
  await eventually(() =>
    expect(file.problem).toMatch(/last-known.jsonl cannot be written: no space is left/),
  );
  expect((await stat(files.path())).size).toBe(before);
  expect(await files.read()).toEqual([entryAt('a/1', 1), entryAt('a/2', 1)]);

  await using ownWrites = await OwnWrites.open(files.path('own-writes.jsonl'), 'etcd');
  const own = { key: 'endpoints/n/e', base: 0, revision: 2.5, value: 'v'.repeat(300) };
  for (let count = 0; count < 100; count += 1) await ownWrites.keep([own]);

  await makeRoom(files);
  learn(file, 3, ['a/4']);
  await eventually(() => expect(file.problem).toBeUndefined());
  expect((await files.read()).map(({ key }) => key)).toEqual(['a/1', 'a/2', 'a/3', 'a/4']);
});

test('where there is room for what has changed, but not for all again, that is a problem and nothing is lost', async () => {
  await using files = await makeSmallDisk();
  await using file = await files.open();
  const keys = (kind: string) => Array.from({ length: 50 }, (_, n) => `a/${kind}/${n}`);
  learn(file, 1, keys('large'), 'x'.repeat(4000));
  await eventually(() => stat(files.path('own-writes.jsonl.spare')));
  await fill(files, 120_000);
  for (let revision = 2; revision < 11; revision += 1) {
    const { size } = await stat(files.path());
    learn(file, revision, keys('small'));
    await eventually(async () => (await stat(files.path())).size > size);
  }
  await eventually(() => expect(file.problem).toMatch(/no space is left/));
  // It is tried again and again.
  await eventually(async () => expect(await readdir(files.directory)).not.toContain('last-known.jsonl.new'));
  expect((await files.read()).at(-1)).toEqual(entryAt('a/small/9', 10));
  await makeRoom(files);
  learn(file, 11, ['a/small/9']);
  await eventually(() => expect(file.problem).toBeUndefined());
});

test('what has changed is written once, also while there is no room for all again', async () => {
  await using files = await makeKnownFiles();
  await using file = await files.open();
  learn(file, 1, ['a/0']);
  await eventually(() => stat(files.path()));
  await mkdir(files.path('last-known.jsonl.new'));
  const keys = Array.from({ length: 150 }, (_, n) => `a/${n}`);
  for (let revision = 2; file.problem === undefined; revision += 1) {
    const { size } = await stat(files.path());
    learn(file, revision, keys);
    await eventually(async () => expect((await stat(files.path())).size).toBeGreaterThan(size));
  }
  expect(file.problem).toMatch(/last-known.jsonl/);
  const { size } = await stat(files.path());
  learn(file, 100, ['a/0']);
  await eventually(async () => expect((await stat(files.path())).size).toBeGreaterThan(size));
  expect((await stat(files.path())).size - size).toBeLessThan(500);
  expect(file.problem).toMatch(/last-known.jsonl/);
});

test('a daemon that is killed at whatever moment leaves what it has written as a whole', async () => {
  await using sources = await compileSources(['store', 'model', 'concurrency', 'inet']);
  const program = join(sources.directory, 'writer.js');
  await writeFile(
    program,
    `import { LastKnownFile } from './store/known/last-known-file.js';
     import { OwnWrites } from './store/known/own-writes.js';
     const directory = process.argv[2];
     const ownWrites = await OwnWrites.open(directory + '/own-writes.jsonl', 'etcd');
     const options = { behindMs: 3600000, ownWrites, isOwn: () => false, logger: console };
     const file = await LastKnownFile.open(directory, 'etcd', options);
     const keys = Array.from({ length: 40 }, (_, n) => 'a/' + n);
     for (let revision = file.known.revision + 1; ; revision += 1) {
       const value = String(revision).repeat(2000);
       const changes = keys.map((key) => ({ key, revision, entry: { key, value, revision, createRevision: 1 } }));
       file.known.learnChanges('a/', changes, revision);
       file.flush();
       if (revision % 10 === 0) console.log(revision);
       await new Promise((resolve) => setTimeout(resolve, 2));
     }`,
  );
  await using files = await makeKnownFiles();
  for (let round = 0; round < 8; round += 1) {
    const child = spawn(process.execPath, [program, files.directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    await pause(Math.random() * 100);
    child.kill('SIGKILL');
    await ended;
    await using file = await files.open();
    const { known } = file;
    const revision = known.knownAt('a/') ?? 0;
    expect(revision).toBeGreaterThan(0);
    expect(known.list('a/').map((entry) => entry.revision)).toEqual(Array(40).fill(revision));
  }
});
