import type { z } from 'zod';
import { errorMessage } from '../errors.js';
import { parseRecord } from '../model/record.js';
import type { Logger } from '../observability/logger.js';
import type { Entry } from './store.js';

/** Most keys that a line of `xnet status` names. */
const SHOWN = 10;

/**
 * Reads records that any host may have written. One that cannot be read (written by a newer xnet, or by hand) is skipped and
 * left as it is. It is logged once, and is a problem of `xnet status` as long as it is there.
 */
export class RecordReader {
  readonly #unreadable = new Set<string>();

  constructor(private readonly logger: Pick<Logger, 'error'>) {}

  /** The readable records among `entries`, which are all entries under `prefix`, or all that are of interest. */
  read<T>(schema: z.ZodType<T>, prefix: string, entries: readonly Entry[]): T[] {
    const present = new Set(entries.map(({ key }) => key));
    for (const key of this.#unreadable) if (key.startsWith(prefix) && !present.has(key)) this.forgetKey(key);
    return entries.flatMap((entry) => this.readOne((each) => parseRecord(schema, each), entry) ?? []);
  }

  /** undefined: `read` threw. */
  readOne<T>(read: (entry: Entry) => T, entry: Entry): T | undefined {
    const { key } = entry;
    try {
      const record = read(entry);
      this.#unreadable.delete(key);
      return record;
    } catch (error: unknown) {
      if (!this.#unreadable.has(key))
        this.logger.error('unreadable record', { key, error: errorMessage(error) });
      this.#unreadable.add(key);
      return undefined;
    }
  }

  forgetKey(key: string): void {
    this.#unreadable.delete(key);
  }

  /** Records under `prefix` are of no interest any more. */
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
