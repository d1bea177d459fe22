/** What is known of the store as it is written to disk, whole or as it changes; and the lines of the file. Pure. */
import { z } from 'zod';
import type { Entry, Revision } from '../../store.js';

/** The last removal of a record under `key`. */
export interface Removal {
  readonly key: string;
  readonly createRevision: Revision;
  /** Revision of the commit that removed it, or a later one. */
  readonly removedAt: Revision;
}

/** All that is known, or what of it has changed. Under a name undefined: it is not known any more. */
export interface KnownContent {
  /** The highest revision of the store that is known. */
  readonly revision: Revision;
  /** Each with the revision up to which all under it is known. */
  readonly prefixes: ReadonlyMap<string, Revision | undefined>;
  readonly entries: ReadonlyMap<string, Entry | undefined>;
  readonly removals: ReadonlyMap<string, Removal | undefined>;
}

export const entryLine = z.object({
  key: z.string(),
  value: z.string(),
  revision: z.number(),
  createRevision: z.number(),
});
export const removalLine = z.object({ key: z.string(), createRevision: z.number(), removedAt: z.number() });

const line = z.union([
  entryLine,
  removalLine,
  z.object({ prefix: z.string(), revision: z.number() }),
  z.object({ unknown: z.string() }),
  z.object({ gone: z.string() }),
  z.object({ retracted: z.string() }),
  /** Ends what was written together. */
  z.object({ upTo: z.number() }),
  /** The first line of the file; `store`: the store's description. */
  z.object({ version: z.literal(1), store: z.string() }),
]);
export type Line = z.infer<typeof line>;

/** undefined: it is none. */
export function parseLine(text: string): Line | undefined {
  try {
    return line.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export function* linesOf({ revision, prefixes, entries, removals }: KnownContent): Generator<Line> {
  for (const [key, entry] of entries) yield entry ?? { gone: key };
  for (const [key, removal] of removals) yield removal ?? { retracted: key };
  for (const [prefix, at] of prefixes)
    yield at === undefined ? { unknown: prefix } : { prefix, revision: at };
  yield { upTo: revision };
}

/** What the lines of a file add up to. */
export class ReadContent implements KnownContent {
  revision: Revision = 0;
  readonly prefixes = new Map<string, Revision>();
  readonly entries = new Map<string, Entry>();
  readonly removals = new Map<string, Removal>();

  take(read: Line): void {
    if ('upTo' in read) this.revision = read.upTo;
    else if ('prefix' in read) this.prefixes.set(read.prefix, read.revision);
    else if ('unknown' in read) this.prefixes.delete(read.unknown);
    else if ('gone' in read) this.entries.delete(read.gone);
    else if ('retracted' in read) this.removals.delete(read.retracted);
    else if ('removedAt' in read) this.#takeRemoval(read);
    else if ('value' in read) this.entries.set(read.key, read);
  }

  /** The latest last: so removals are forgotten in the order in which they came. */
  #takeRemoval(removal: Removal): void {
    this.removals.delete(removal.key);
    this.removals.set(removal.key, removal);
  }
}
