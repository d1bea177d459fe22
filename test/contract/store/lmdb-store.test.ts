/** What the embedded store alone promises: durability, one writer, a private directory. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LmdbStore } from '../../../src/store/local/lmdb-store.js';
import { openStore } from '../../../src/store/open-store.js';
import { type CompiledSources, compileSources } from '../../support/programs/compiled-sources.js';
import { WatchRecorder } from '../../support/store/watch-recorder.js';

let sources: CompiledSources;

beforeAll(async () => {
  sources = await compileSources(['store', 'model', 'concurrency']);
});
afterAll(async () => {
  await sources?.[Symbol.asyncDispose]();
});

async function newDirectory() {
  const parent = await mkdtemp(join(tmpdir(), 'xnet-lmdb-'));
  return {
    path: join(parent, 'state/store'),
    parent,
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }),
  };
}

/** Runs `script` in another process, where `store` is open in `directory`; yields what it prints, by line. */
async function inAnotherProcess(directory: string, script: string) {
  const file = join(sources.directory, `child-${process.hrtime.bigint()}.js`);
  await writeFile(
    file,
    `import { LmdbStore } from './store/local/lmdb-store.js';
     const store = LmdbStore.open(process.argv[2]);
     ${script}
     setInterval(() => {}, 1000);`,
  );
  const child = spawn(process.execPath, [file, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    child,
    line: async () => (await lines.next()).value as string | undefined,
    [Symbol.asyncDispose]: () => kill(child),
  };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

describe('what was committed', () => {
  test('is there when the store is opened again, with the same revisions', async () => {
    await using directory = await newDirectory();
    const first = LmdbStore.open(directory.path);
    await first.commit([], [{ put: 'a', value: '1' }]);
    const { revision } = await first.commit([], [{ put: 'b', value: '2' }]);
    const before = await first.list('');
    await first[Symbol.asyncDispose]();
    await using again = LmdbStore.open(directory.path);
    expect(await again.list('')).toEqual(before);
    expect((await again.commit([], [{ put: 'a', value: '3' }])).revision).toBe(revision + 1);
  });

  test('is there after the process was killed right after the commit was acknowledged', async () => {
    await using directory = await newDirectory();
    await using other = await inAnotherProcess(
      directory.path,
      `let last = 0;
       process.nextTick(() => console.log('ready'));
       for (;;) {
         await store.commit([], [{ put: 'step/' + ++last, value: String(last) }, { put: 'last', value: String(last) }]);
         if (last === 50) console.log(last);
       }`,
    );
    await other.line();
    await other.line();
    await kill(other.child);
    await using store = LmdbStore.open(directory.path);
    const last = Number((await store.get('last'))?.value);
    expect(last).toBeGreaterThanOrEqual(50);
    expect((await store.list('step/')).entries).toHaveLength(last);
  });
});

describe('a lease', () => {
  test('whose time ended while the store was closed ends when it is opened', async () => {
    await using directory = await newDirectory();
    const first = LmdbStore.open(directory.path);
    const short = await first.grantLease({ ttlSeconds: 1, keepAlive: false });
    const long = await first.grantLease({ ttlSeconds: 60, keepAlive: false });
    await first.commit(
      [],
      [
        { put: 'short', value: '1', lease: short },
        { put: 'long', value: '1', lease: long },
      ],
    );
    await first[Symbol.asyncDispose]();
    await delay(1200);
    await using again = LmdbStore.open(directory.path);
    await using watch = new WatchRecorder(again, '');
    await watch.until(({ state }) => state.size > 0 && !state.has('short'), 1000);
    expect([...watch.state.keys()]).toEqual(['long']);
  });

  test('of a process that is gone ends its time after the next opening', async () => {
    await using directory = await newDirectory();
    const first = LmdbStore.open(directory.path);
    const lease = await first.grantLease({ ttlSeconds: 1 });
    await first.commit([], [{ put: 'alive', value: '1', lease }]);
    await first[Symbol.asyncDispose]();
    await using again = LmdbStore.open(directory.path);
    expect(await again.get('alive')).toBeDefined();
    await using watch = new WatchRecorder(again, '');
    await watch.until(({ batches, state }) => batches.length > 1 && state.size === 0, 3000);
  });
});

describe('the directory', () => {
  test('and what is in it is for its owner only', async () => {
    await using directory = await newDirectory();
    await using _store = LmdbStore.open(directory.path);
    expect((await stat(directory.path)).mode & 0o777).toBe(0o700);
  });

  test('open in another process is refused, naming it, until that process is killed', async () => {
    await using directory = await newDirectory();
    await using other = await inAnotherProcess(directory.path, `console.log('open');`);
    await other.line();
    expect(() => LmdbStore.open(directory.path)).toThrow(
      expect.objectContaining({
        code: 'IN_USE',
        message: expect.stringContaining(`process ${other.child.pid}`),
      }),
    );
    await kill(other.child);
    await using store = LmdbStore.open(directory.path);
    await store.commit([], [{ put: 'a', value: '1' }]);
  });

  test('of a process that was killed is free before its parent has asked how it ended', async () => {
    await using directory = await newDirectory();
    await using other = await inAnotherProcess(directory.path, `console.log('open');`);
    await other.line();
    other.child.kill('SIGKILL');
    // No await from here: Node itself would ask.
    while (!readFileSync(`/proc/${other.child.pid}/status`, 'utf8').includes('State:\tZ'));
    const store = LmdbStore.open(directory.path);
    await store[Symbol.asyncDispose]();
  });

  test('open in this process is refused until it is closed', async () => {
    await using directory = await newDirectory();
    const first = LmdbStore.open(directory.path);
    expect(() => LmdbStore.open(directory.path)).toThrow(expect.objectContaining({ code: 'IN_USE' }));
    await first.commit([], [{ put: 'a', value: '1' }]);
    await first[Symbol.asyncDispose]();
    await using again = LmdbStore.open(directory.path);
    expect((await again.get('a'))?.value).toBe('1');
  });

  test('that cannot be made is named in the error', async () => {
    await using directory = await newDirectory();
    await writeFile(join(directory.parent, 'state'), '');
    expect(() => LmdbStore.open(directory.path)).toThrow(
      expect.objectContaining({
        code: 'STORE_UNAVAILABLE',
        message: expect.stringContaining(directory.path),
      }),
    );
  });

  test('is "store" below the state directory', async () => {
    await using directory = await newDirectory();
    await using store = await openStore({ url: 'embedded', stateDirectory: join(directory.parent, 'state') });
    expect(store.description).toBe(`embedded ${directory.path}`);
  });
});
