import type { z } from 'zod';
import { errorMessage } from '../errors.js';
import { kindOf } from '../model/keys.js';
import { parseRecord } from '../model/record.js';
import type { Logger } from '../observability/logger.js';
import type { Entry } from './store.js';

/** Most keys that a line of `xnet status` names. */
const SHOWN = 10;

/**
 * Reads records that any host may have written. One that cannot be read (written by a newer xnet, or by hand) is skipped and
 * left as it is. It is a problem of `xnet status` as long as it is there. Of each kind of record the 1st, 10th, 100th ... that cannot
 * be read is logged, with their number: a whole cluster may have been upgraded before this host.
 */
export class RecordReader {
  readonly #unreadable = new Set<string>();
  /** Kind of record -> how many could not be read, each as often as it came. */
  readonly #logged = new Map<string, number>();

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
      if (!this.#unreadable.has(key)) this.#add(key, error);
      return undefined;
    }
  }

  #add(key: string, error: unknown): void {
    this.#unreadable.add(key);
    const kind = kindOf(key);
    const count = (this.#logged.get(kind) ?? 0) + 1;
    this.#logged.set(kind, count);
    if (/^10*$/.test(`${count}`))
      this.logger.error('unreadable record', { key, count, error: errorMessage(error) });
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
