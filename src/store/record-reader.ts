import type { z } from 'zod';
import { errorMessage } from '../errors.js';
import { parseRecord } from '../model/record.js';
import type { Logger } from '../observability/logger.js';
import type { Entry } from './store.js';

/** As many keys as a line of `xnet status` names. */
const SHOWN = 10;

/**
 * Reads the records of many: one that cannot be read (a newer xnet wrote it, or somebody by hand) is left alone and is
 * in nobody's way. It is logged once, and a problem as long as it is there.
 */
export class RecordReader {
  readonly #logger: Pick<Logger, 'error'>;
  readonly #unreadable = new Set<string>();

  constructor(logger: Pick<Logger, 'error'>) {
    this.#logger = logger;
  }

  /** The readable ones of `entries`, which are all that there are under `prefix`, or all that are of interest. */
  read<T>(schema: z.ZodType<T>, prefix: string, entries: readonly Entry[]): T[] {
    const present = new Set(entries.map(({ key }) => key));
    for (const key of this.#unreadable) if (key.startsWith(prefix) && !present.has(key)) this.forgetKey(key);
    return entries.flatMap((entry) => this.readOne((each) => parseRecord(schema, each), entry) ?? []);
  }

  /** undefined: `read` has thrown. */
  readOne<T>(read: (entry: Entry) => T, entry: Entry): T | undefined {
    const { key } = entry;
    try {
      const record = read(entry);
      this.#unreadable.delete(key);
      return record;
    } catch (error: unknown) {
      if (!this.#unreadable.has(key))
        this.#logger.error('unreadable record', { key, error: errorMessage(error) });
      this.#unreadable.add(key);
      return undefined;
    }
  }

  forgetKey(key: string): void {
    this.#unreadable.delete(key);
  }

  /** What is under `prefix` is of no interest any more. */
  forget(prefix: string): void {
    for (const key of this.#unreadable) if (key.startsWith(prefix)) this.#unreadable.delete(key);
  }

  /** For `xnet status`. */
  get problems(): readonly string[] {
    const keys = [...this.#unreadable];
    if (keys.length === 0) return [];
    const more = keys.length > SHOWN ? `, and ${keys.length - SHOWN} more` : '';
    return [
      `records of the store cannot be read and are left alone: ${keys.slice(0, SHOWN).join(', ')}${more}; were they written by a newer xnet, or by hand? Upgrade this host, or remove them`,
    ];
  }
}
