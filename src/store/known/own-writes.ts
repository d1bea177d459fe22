/**
 * What this host has written of its own while the store did not answer, until the store has it: in memory, and in a
 * journal on disk, so that it outlives the daemon and the machine's reboot.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { ensureDirectory } from '../../directories.js';
import { diskError } from '../../disk-errors.js';
import { isXnetError } from '../../errors.js';
import type { Entry, Revision } from '../store.js';
import { SpareRoom } from './spare-room.js';

const ownWrite = z.object({
  key: z.string(),
  /** Revision of the key in the store when this host first wrote it while away; 0: it was absent. */
  base: z.number(),
  /** Absent: removed. */
  value: z.string().optional(),
  /** Written under a lease that nobody renews, of this length, from when the store has it. */
  ttlSeconds: z.number().optional(),
  /** Between two of the store's. */
  revision: z.number(),
});
export type OwnWrite = z.infer<typeof ownWrite>;

const givenUp = z.object({
  givenUp: z.string(),
  /** Of the record that was given up: a later one under the same key is this host's again. Absent in older journals. */
  revision: z.number().default(Number.MAX_SAFE_INTEGER),
});
type GivenUp = ReadonlyMap<string, Revision>;

const line = z.union([z.object({ store: z.string() }), z.object({ settled: z.string() }), givenUp, ownWrite]);

interface Journal {
  readonly writes: Map<string, OwnWrite>;
  readonly givenUp: Map<string, Revision>;
}

export class OwnWrites implements AsyncDisposable {
  readonly #path: string;
  readonly #store: string;
  readonly #writes: Map<string, OwnWrite>;
  readonly #givenUp: Map<string, Revision>;
  readonly #spare: SpareRoom;
  /** Opened when there is something to be written. */
  #file: FileHandle | undefined;
  #work: Promise<unknown> = Promise.resolve();

  private constructor(path: string, store: string, { writes, givenUp }: Journal) {
    this.#path = path;
    this.#spare = new SpareRoom(`${path}.spare`);
    this.#store = store;
    this.#writes = writes;
    this.#givenUp = givenUp;
  }

  /** Takes up what an earlier run left of this store; of another store is of no use. Throws DISK. */
  static async open(path: string, store: string): Promise<OwnWrites> {
    await ensureDirectory(dirname(path));
    return new OwnWrites(path, store, await readJournal(path, store));
  }

  get size(): number {
    return this.#writes.size;
  }

  /**
   * Keys that this host gave up, or was about to, and that the file of what is known may still have as its own, each with
   * the revision that its record had.
   */
  get givenUp(): GivenUp {
    return this.#givenUp;
  }

  /** The latest of a key. */
  find(key: string): OwnWrite | undefined {
    return this.#writes.get(key);
  }

  /** The latest of each key, in the order in which keys were first written. */
  list(prefix = ''): OwnWrite[] {
    return [...this.#writes.values()].filter(({ key }) => key.startsWith(prefix));
  }

  /** Seen at once; on disk when this resolves. Throws DISK, with all as it was. */
  async keep(writes: readonly OwnWrite[]): Promise<void> {
    const before = writes.map(({ key }) => [key, this.#writes.get(key)] as const);
    for (const write of writes) this.#writes.set(write.key, write);
    try {
      await this.#append(writes);
    } catch (error: unknown) {
      for (const [key, former] of before) {
        if (former) this.#writes.set(key, former);
        else this.#writes.delete(key);
      }
      throw error;
    }
  }

  /** The store has it. Throws DISK. */
  async settle(key: string): Promise<void> {
    this.#writes.delete(key);
    await (this.#isEmpty ? this.#clear() : this.#append([{ settled: key }]));
  }

  /** On disk when this resolves, and then known after any crash. Throws DISK. */
  async giveUp(records: readonly Entry[]): Promise<void> {
    for (const { key, revision } of records) this.#givenUp.set(key, revision);
    await this.#append(records.map(({ key, revision }) => ({ givenUp: key, revision })));
  }

  /** The file of what is known knows by now. Throws DISK. */
  async forgetGivenUp(known: GivenUp): Promise<void> {
    for (const [key, revision] of known) if (this.#givenUp.get(key) === revision) this.#givenUp.delete(key);
    if (known.size > 0 && this.#isEmpty) await this.#clear();
  }

  /** So that some writes can be kept also when the disk is full. Costs nothing while it is so. Throws DISK. */
  async keepSpareRoom(): Promise<void> {
    await this.#enqueue(() => this.#spare.ensure());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#work.catch(() => undefined);
    await this.#file?.close();
    this.#file = undefined;
  }

  get #isEmpty(): boolean {
    return this.#writes.size + this.#givenUp.size === 0;
  }

  /** Unless something was appended meanwhile. */
  #clear(): Promise<void> {
    return this.#enqueue(async () => {
      if (!this.#isEmpty) return;
      const file = await this.#opened();
      await file.truncate(0);
      await file.datasync();
    });
  }

  #append(lines: readonly object[]): Promise<void> {
    return this.#enqueue(() => this.#spare.write(() => this.#write(lines)));
  }

  async #write(lines: readonly object[]): Promise<void> {
    const file = await this.#opened();
    const { size } = await file.stat();
    const head = size === 0 ? [{ store: this.#store }] : [];
    try {
      // The empty line ends one that a crash has cut short.
      await file.appendFile(`\n${[...head, ...lines].map((each) => JSON.stringify(each)).join('\n')}\n`);
      await file.datasync();
    } catch (error: unknown) {
      await file.truncate(size).catch(() => undefined);
      throw error;
    }
  }

  #enqueue(task: () => Promise<void>): Promise<void> {
    const run = () =>
      task().catch((error: unknown) => {
        throw isXnetError(error) ? error : diskError(this.#path, error);
      });
    const done = this.#work.then(run, run);
    this.#work = done.catch(() => undefined);
    return done;
  }

  async #opened(): Promise<FileHandle> {
    this.#file ??= await open(this.#path, 'a', 0o600);
    return this.#file;
  }
}

/** As a reader of the store sees it: undefined when it was removed. */
export function entryOf({ key, value, revision }: OwnWrite, known: Entry | undefined): Entry | undefined {
  if (value === undefined) return undefined;
  return { key, value, revision, createRevision: known?.createRevision ?? revision };
}

/** Fractional: made on this host while the store did not answer, and not settled when it was read. */
export function isOwnRevision(revision: Revision): boolean {
  return !Number.isInteger(revision);
}

async function readJournal(path: string, store: string): Promise<Journal> {
  const journal: Journal = { writes: new Map(), givenUp: new Map() };
  for (const text of (await readFile(path, 'utf8').catch(emptyIfAbsent)).split('\n')) {
    const parsed = parseLine(text);
    if (parsed === undefined) continue;
    if ('store' in parsed) {
      if (parsed.store !== store) break;
    } else if ('settled' in parsed) journal.writes.delete(parsed.settled);
    else if ('givenUp' in parsed) journal.givenUp.set(parsed.givenUp, parsed.revision);
    else journal.writes.set(parsed.key, parsed);
  }
  return journal;
}

/** undefined for a line that was cut short: nobody was told that it is kept. */
function parseLine(text: string) {
  try {
    return line.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function emptyIfAbsent(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return '';
  throw error;
}
