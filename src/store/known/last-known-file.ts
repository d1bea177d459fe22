/** Writes what is last known of the store to a file of the state directory, at most `behindMs` late. */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { ensureDirectory } from '../../directories.js';
import { diskError } from '../../disk-errors.js';
import { isXnetError } from '../../errors.js';
import type { LastKnownContent } from './last-known.js';

const entry = z.object({
  key: z.string(),
  value: z.string(),
  revision: z.number(),
  createRevision: z.number(),
});
const removal = z.object({ key: z.string(), createRevision: z.number(), removedAt: z.number() });
const content = z.object({
  version: z.literal(1),
  /** Description of the store; a file of another store is ignored. */
  store: z.string(),
  revision: z.number(),
  prefixes: z.array(z.tuple([z.string(), z.number()])),
  entries: z.array(entry),
  removed: z.array(removal).default([]),
});

export interface LastKnownFileOptions {
  /** How far the file may be behind. Changes come in bursts, and one write of the file serves a burst. */
  readonly behindMs: number;
  /** Called when the content is read for a write; the function it returns is called when that content is on disk. */
  readonly onWriting: () => () => Promise<void>;
  /** Called with the reason when the first write fails; with undefined when one succeeds again. */
  readonly onProblem: (problem: string | undefined) => void;
}

/** From a failed write to the next attempt. */
const RETRY_MS = 10_000;

export class LastKnownFile implements AsyncDisposable {
  readonly #path: string;
  readonly #store: string;
  readonly #content: () => LastKnownContent;
  readonly #options: LastKnownFileOptions;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #problem: string | undefined;
  #closed = false;

  /** `store` names the store. */
  constructor(path: string, store: string, content: () => LastKnownContent, options: LastKnownFileOptions) {
    this.#path = path;
    this.#store = store;
    this.#content = content;
    this.#options = options;
  }

  /** The content has changed: it is written within `behindMs`. */
  hint(): void {
    this.#timer ??= setTimeout(() => this.flush(), this.#options.behindMs);
  }

  /** Why the last write failed; undefined when it did not. A failed write is tried again until it succeeds. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Begins at once to write what is not written yet. */
  flush(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
  }

  /** Writes what is not written yet. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.flush();
    await this.#writing;
  }

  /** Whole or not at all: the file is replaced. Never rejects. */
  async #write(): Promise<void> {
    const onWritten = this.#options.onWriting();
    const text = JSON.stringify({ version: 1, store: this.#store, ...this.#content() });
    try {
      await ensureDirectory(dirname(this.#path));
      await replaceFile(this.#path, text);
      await onWritten();
      this.#note(undefined);
    } catch (error: unknown) {
      this.#note((isXnetError(error) ? error : diskError(this.#path, error)).message);
      if (!this.#closed) this.#timer ??= setTimeout(() => this.flush(), RETRY_MS).unref();
    }
  }

  #note(problem: string | undefined): void {
    if ((problem === undefined) !== (this.#problem === undefined)) this.#options.onProblem(problem);
    this.#problem = problem;
  }
}

/** When a write fails, its part is removed: on a full disk other files need the room. */
async function replaceFile(path: string, text: string): Promise<void> {
  const next = `${path}.new`;
  try {
    const file = await open(next, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(next, path);
  } catch (error: unknown) {
    await rm(next, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** What an earlier run wrote of this store; undefined when the file is absent, unreadable or of another store. Never rejects. */
export async function readLastKnown(path: string, store: string): Promise<LastKnownContent | undefined> {
  try {
    const parsed = content.parse(JSON.parse(await readFile(path, 'utf8')));
    return parsed.store === store ? parsed : undefined;
  } catch {
    return undefined;
  }
}
