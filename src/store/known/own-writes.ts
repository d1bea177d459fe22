/**
 * The own writes: what this host has written while the store was away, until the store has it. In memory, and in a journal on
 * disk, which survives the end of the daemon and a reboot of the machine.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { ensureDirectory } from '../../directories.js';
import { diskError } from '../../disk-errors.js';
import { isXnetError } from '../../errors.js';
import type { Entry, Revision } from '../store.js';
import { SpareRoom } from './disk/spare-room.js';
import { isSameStore } from './same-store.js';

const ownWrite = z.object({
  key: z.string(),
  /** Revision of the key in the store when this host first wrote it while away; 0: it was absent. */
  base: z.number(),
  /** Absent: removed. */
  value: z.string().optional(),
  /** Written under a lease that is not renewed, of this length; its time begins when the store has the record. */
  ttlSeconds: z.number().optional(),
  /** Fractional, between two of the store's. */
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
  readonly #spare: SpareRoom;
  /** Opened when there is something to be written. */
  #file: FileHandle | undefined;
  #work: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly path: string,
    private readonly store: string,
    private readonly journal: Journal,
  ) {
    this.#spare = new SpareRoom(`${path}.spare`);
  }

  /** Reads the journal of an earlier run; ignores that of another store. Throws DISK. */
  static async open(path: string, store: string): Promise<OwnWrites> {
    await ensureDirectory(dirname(path));
    return new OwnWrites(path, store, await readJournal(path, store));
  }

  get size(): number {
    return this.journal.writes.size;
  }

  /**
   * Keys that this host gave up, or was about to give up, each with the revision of the record. last-known.jsonl may still have
   * these records as this host's.
   */
  get givenUp(): GivenUp {
    return this.journal.givenUp;
  }

  /** The latest own write of a key. */
  find(key: string): OwnWrite | undefined {
    return this.journal.writes.get(key);
  }

  /** The latest own write of each key, in the order in which the keys were first written. */
  list(prefix = ''): OwnWrite[] {
    return [...this.journal.writes.values()].filter(({ key }) => key.startsWith(prefix));
  }

  /** `find` and `list` have them at once; on disk when this resolves. Throws DISK, with nothing changed. */
  async keep(writes: readonly OwnWrite[]): Promise<void> {
    const before = writes.map(({ key }) => [key, this.journal.writes.get(key)] as const);
    for (const write of writes) this.journal.writes.set(write.key, write);
    try {
      await this.#append(writes);
    } catch (error: unknown) {
      for (const [key, former] of before) {
        if (former) this.journal.writes.set(key, former);
        else this.journal.writes.delete(key);
      }
      throw error;
    }
  }

  /** The store has the own write of `key`: it ends. Throws DISK. */
  async settle(key: string): Promise<void> {
    this.journal.writes.delete(key);
    await (this.#isEmpty ? this.#clear() : this.#append([{ settled: key }]));
  }

  /** This host gives up `records`. On disk when this resolves. Throws DISK. */
  async giveUp(records: readonly Entry[]): Promise<void> {
    for (const { key, revision } of records) this.journal.givenUp.set(key, revision);
    await this.#append(records.map(({ key, revision }) => ({ givenUp: key, revision })));
  }

  /** last-known.jsonl does not have these records as this host's any more. Throws DISK. */
  async forgetGivenUp(known: GivenUp): Promise<void> {
    for (const [key, revision] of known)
      if (this.journal.givenUp.get(key) === revision) this.journal.givenUp.delete(key);
    if (known.size > 0 && this.#isEmpty) await this.#clear();
  }

  /** Reserves room for some own writes on a disk that is full later. Costs nothing when it is there. Throws DISK. */
  async keepSpareRoom(): Promise<void> {
    await this.#enqueue(() => this.#spare.ensure());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#work.catch(() => undefined);
    await this.#file?.close();
    this.#file = undefined;
  }

  get #isEmpty(): boolean {
    return this.journal.writes.size + this.journal.givenUp.size === 0;
  }

  /** Empties the journal, unless something was appended meanwhile. */
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
    const head = size === 0 ? [{ store: this.store }] : [];
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
        throw isXnetError(error) ? error : diskError(this.path, error);
      });
    const done = this.#work.then(run, run);
    this.#work = done.catch(() => undefined);
    return done;
  }

  async #opened(): Promise<FileHandle> {
    this.#file ??= await open(this.path, 'a', 0o600);
    return this.#file;
  }
}

/** The own write as a reader of the store sees it: undefined when it is a removal. */
export function entryOf({ key, value, revision }: OwnWrite, known: Entry | undefined): Entry | undefined {
  if (value === undefined) return undefined;
  return { key, value, revision, createRevision: known?.createRevision ?? revision };
}

/** True: the revision of an own write that was not settled when it was read. */
export function isOwnRevision(revision: Revision): boolean {
  return !Number.isInteger(revision);
}

async function readJournal(path: string, store: string): Promise<Journal> {
  const journal: Journal = { writes: new Map(), givenUp: new Map() };
  for (const text of (await readFile(path, 'utf8').catch(emptyIfAbsent)).split('\n')) {
    const parsed = parseLine(text);
    if (parsed === undefined) continue;
    if ('store' in parsed) {
      if (!isSameStore(parsed.store, store)) break;
    } else if ('settled' in parsed) journal.writes.delete(parsed.settled);
    else if ('givenUp' in parsed) journal.givenUp.set(parsed.givenUp, parsed.revision);
    else journal.writes.set(parsed.key, parsed);
  }
  return journal;
}

/** undefined for a line that a crash has cut short: its commit was not acknowledged. */
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
