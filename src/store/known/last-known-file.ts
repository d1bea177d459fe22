/** Writes what is last known of the store to a file of the state directory, at most `behindMs` late. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { ensureDirectory } from '../../directories.js';
import { diskError } from '../../disk-errors.js';
import { isXnetError } from '../../errors.js';
import type { Logger } from '../../observability/logger.js';
import type { Revision } from '../store.js';
import { LastKnown, type LastKnownContent } from './last-known.js';
import type { IsOwn } from './own-keys.js';
import type { OwnWrites } from './own-writes.js';

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
  /** Notes what the file may still have as this host's though it is given up. */
  readonly ownWrites: OwnWrites;
  readonly isOwn: IsOwn;
  readonly logger: Logger;
}

/** From a failed write to the next attempt. */
const RETRY_MS = 10_000;

export class LastKnownFile implements AsyncDisposable {
  readonly known: LastKnown;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #problem: string | undefined;
  #closed = false;

  private constructor(
    private readonly path: string,
    private readonly store: string,
    private readonly options: LastKnownFileOptions,
    content: LastKnownContent | undefined,
  ) {
    this.known = new LastKnown(() => this.hint(), content);
    for (const [key, revision] of options.ownWrites.givenUp)
      if (!this.#isKnownSince(key, revision)) this.known.forget(key);
  }

  /** Reads what an earlier run has written; nothing is known if that is absent, unreadable or of another store than `store`. */
  static async open(path: string, store: string, options: LastKnownFileOptions): Promise<LastKnownFile> {
    return new LastKnownFile(path, store, options, await readContent(path, store));
  }

  /** The content has changed: it is written within `behindMs`. */
  hint(): void {
    this.#timer ??= setTimeout(() => this.flush(), this.options.behindMs);
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
    const { path, store } = this;
    const { ownWrites } = this.options;
    const givenUp = new Map([...ownWrites.givenUp].filter(([key, revision]) => this.#isOver(key, revision)));
    const text = JSON.stringify({ version: 1, store, ...this.known.content });
    try {
      await ensureDirectory(dirname(path));
      await replaceFile(path, text);
      await ownWrites.forgetGivenUp(givenUp);
      await ownWrites.keepSpareRoom();
      this.#note(undefined);
    } catch (error: unknown) {
      this.#note((isXnetError(error) ? error : diskError(path, error)).message);
      if (!this.#closed) this.#timer ??= setTimeout(() => this.flush(), RETRY_MS).unref();
    }
  }

  /** What is known does not have the record as this host's any more. False while its removal is not committed yet. */
  #isOver(key: string, revision: Revision): boolean {
    const { known } = this;
    return this.#isKnownSince(key, revision) || !this.options.isOwn(key, known.get(key)?.value, undefined);
  }

  /** This host has claimed the record again since it gave it up at `revision`. */
  #isKnownSince(key: string, revision: Revision): boolean {
    return (this.known.get(key)?.revision ?? 0) > revision;
  }

  #note(problem: string | undefined): void {
    const { logger } = this.options;
    if (problem && !this.#problem) logger.warn(problem);
    if (!problem && this.#problem)
      logger.info('the state directory can be written again', { path: this.path });
    this.#problem = problem;
  }
}

/** When a write fails, its part is removed: on a full disk other files need the room. */
async function replaceFile(path: string, text: string): Promise<void> {
  const next = `${path}.new`;
  try {
    await writeFile(next, text, { mode: 0o600, flush: true });
    await rename(next, path);
  } catch (error: unknown) {
    await rm(next, { force: true }).catch(() => undefined);
    throw error;
  }
}

async function readContent(path: string, store: string): Promise<LastKnownContent | undefined> {
  try {
    const parsed = content.parse(JSON.parse(await readFile(path, 'utf8')));
    return parsed.store === store ? parsed : undefined;
  } catch {
    return undefined;
  }
}
