/**
 * A file with what is known of the store, to which changes are appended: a write costs what the changes cost. When most of
 * its lines are outdated, it is replaced by a file that has what is known alone.
 *
 * Changes that are written together are there together or not at all, whenever the process or the machine ends. Lines are
 * formatted, written and read in slices, between which the event loop goes on.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type KnownContent, type Line, linesOf } from './known-content.js';
import { readKnownJournal } from './read-known-journal.js';

/** Characters of a slice: about a millisecond's work. */
const SLICE = 1 << 16;
/** Outdated lines that do not matter, however little is known. */
const SPARED_LINES = 200;

interface OnDisk {
  readonly lines: number;
  readonly bytes: number;
}

export class KnownJournal {
  #file: FileHandle | undefined;

  private constructor(
    private readonly path: string,
    private readonly store: string,
    /** What of the file holds; undefined: it is to be replaced. */
    private onDisk: OnDisk | undefined,
  ) {}

  /** A journal whose first write replaces whatever is at `path`. */
  static anew(path: string, store: string): KnownJournal {
    return new KnownJournal(path, store, undefined);
  }

  /** Never rejects: a file that is absent, damaged, or of another store than `store` counts as one that is to be replaced. */
  static async open(path: string, store: string) {
    const read = await readKnownJournal(path, store).catch(() => undefined);
    return { content: read?.content, journal: new KnownJournal(path, store, read?.onDisk) };
  }

  /**
   * Writes `changes`; where the file is to be replaced, all of `whole()`. On disk when this resolves. Throws the file system's
   * errors; then `changes` must be written again, the file is as before, and takes no more room.
   */
  async write(changes: KnownContent, whole: () => KnownContent): Promise<void> {
    if (this.onDisk) await this.#append(this.onDisk, changes);
    if (!this.onDisk) await this.#replace(whole());
  }

  /**
   * Replaces the file when most of its lines are outdated; `whole()` has `size`. Apart from `write`: where there is no room for
   * this, what has changed is on disk, and must not be appended again. Throws the file system's errors; the file is as before then.
   */
  async shorten(size: number, whole: () => KnownContent): Promise<void> {
    if (this.onDisk && this.onDisk.lines > 2 * size + SPARED_LINES) await this.#replace(whole());
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  /** Without effect where others have removed the file or made it shorter: it is to be replaced then. */
  async #append({ lines, bytes }: OnDisk, changes: KnownContent): Promise<void> {
    this.#file ??= await open(this.path, 'a', 0o600);
    const file = this.#file;
    const found = await file.stat();
    if (found.nlink === 0 || found.size < bytes) {
      this.onDisk = undefined;
      return;
    }
    // What a crash has cut short.
    if (found.size > bytes) await file.truncate(bytes);
    try {
      const appended = await writeLines(file, linesOf(changes));
      await file.datasync();
      this.onDisk = { lines: lines + appended, bytes: (await file.stat()).size };
    } catch (error: unknown) {
      await file.truncate(bytes).catch(() => undefined);
      throw error;
    }
  }

  /** Whole or not at all. On a full disk what was begun is removed: other files need the room. */
  async #replace(whole: KnownContent): Promise<void> {
    const next = `${this.path}.new`;
    try {
      const onDisk = await writeFile(next, this.store, whole);
      await rename(next, this.path);
      await this.close();
      this.onDisk = onDisk;
    } catch (error: unknown) {
      await rm(next, { force: true }).catch(() => undefined);
      throw error;
    }
    await syncDirectory(dirname(this.path));
  }
}

async function writeFile(path: string, store: string, whole: KnownContent): Promise<OnDisk> {
  const file = await open(path, 'w', 0o600);
  try {
    const lines =
      (await writeLines(file, [{ version: 1, store }])) + (await writeLines(file, linesOf(whole)));
    await file.datasync();
    return { lines, bytes: (await file.stat()).size };
  } finally {
    await file.close();
  }
}

/** Returns the number of lines. */
async function writeLines(file: FileHandle, lines: Iterable<Line>): Promise<number> {
  let count = 0;
  let text = '';
  for (const line of lines) {
    text += `${JSON.stringify(line)}\n`;
    count += 1;
    if (text.length < SLICE) continue;
    await file.appendFile(text);
    text = '';
  }
  await file.appendFile(text);
  return count;
}

/** A file's new name is on disk when this resolves. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
