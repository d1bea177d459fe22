import type { z } from 'zod';
import { errorMessage } from '../errors.js';
import type { Logger } from '../observability/logger.js';
import { parseRecord } from './records.js';
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
  read<T>(schema: z.ZodType<T>, prefix: string, entries: Iterable<Entry>): T[] {
    const former = this.forget(prefix);
    return [...entries].flatMap((entry) => {
      try {
        return [parseRecord(schema, entry)];
      } catch (error: unknown) {
        this.#unreadable.add(entry.key);
        if (!former.includes(entry.key)) {
          this.#logger.error('unreadable record', { key: entry.key, error: errorMessage(error) });
        }
        return [];
      }
    });
  }

  /** What is under `prefix` is of no interest any more. Returns what could not be read there. */
  forget(prefix: string): string[] {
    const former = [...this.#unreadable].filter((key) => key.startsWith(prefix));
    for (const key of former) this.#unreadable.delete(key);
    return former;
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
