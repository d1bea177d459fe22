/** Has what is last known of the store written to the state directory as it changes, at most `behindMs` late. */
import { join } from 'node:path';
import { ensureDirectory } from '../../directories.js';
import { diskError } from '../../disk-errors.js';
import { isXnetError } from '../../errors.js';
import type { Logger } from '../../observability/logger.js';
import type { Revision } from '../store.js';
import { FormerLastKnown } from './disk/former-last-known.js';
import type { KnownContent } from './disk/known-content.js';
import { KnownJournal } from './disk/known-journal.js';
import { LastKnown } from './last-known.js';
import type { IsOwn } from './own-keys.js';
import type { OwnWrites } from './own-writes.js';

export const LAST_KNOWN = 'last-known.jsonl';

export interface LastKnownFileOptions {
  /** How far the file may be behind. Changes come in bursts, and one write serves a burst. */
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
    private readonly directory: string,
    private readonly journal: KnownJournal,
    /** Undefined once it is removed. */
    private former: FormerLastKnown | undefined,
    private readonly options: LastKnownFileOptions,
    content: KnownContent | undefined,
  ) {
    this.known = new LastKnown(() => this.hint(), content);
    for (const [key, revision] of options.ownWrites.givenUp)
      if (!this.#isKnownSince(key, revision)) this.known.forget(key);
  }

  /** Reads what an earlier run has written; nothing is known if that is absent, damaged or of another store than `store`. */
  static async open(directory: string, store: string, options: LastKnownFileOptions): Promise<LastKnownFile> {
    const path = join(directory, LAST_KNOWN);
    const former = new FormerLastKnown(directory);
    if (await former.isThere()) {
      const content = await former.read(store);
      const file = new LastKnownFile(directory, KnownJournal.anew(path, store), former, options, content);
      file.hint();
      return file;
    }
    const { content, journal } = await KnownJournal.open(path, store);
    return new LastKnownFile(directory, journal, undefined, options, content);
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
    await this.journal.close();
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    const { journal, directory } = this;
    const { facts } = this.known;
    const { ownWrites } = this.options;
    const givenUp = new Map([...ownWrites.givenUp].filter(([key, revision]) => this.#isOver(key, revision)));
    try {
      await ensureDirectory(directory);
      await facts.writeChanges((changes) => journal.write(changes, () => facts.content));
      await this.former?.remove();
      this.former = undefined;
      await ownWrites.forgetGivenUp(givenUp);
      await ownWrites.keepSpareRoom();
      await journal.shorten(facts.size, () => facts.content);
      this.#note(undefined);
    } catch (error: unknown) {
      this.#note((isXnetError(error) ? error : diskError(join(directory, LAST_KNOWN), error)).message);
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
      logger.info('the state directory can be written again', { path: this.directory });
    this.#problem = problem;
  }
}
