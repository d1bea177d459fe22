/**
 * `last-known.json`, in which xnet up to 0.1 kept what was last known of the store, written whole. It is read once, and removed
 * when its successor is on disk: an xnet that is set back later must not take addresses for its own that it has given up since.
 */
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isSameStore } from '../same-store.js';
import { entryLine, type KnownContent, removalLine } from './known-content.js';

const content = z.object({
  version: z.literal(1),
  store: z.string(),
  revision: z.number(),
  prefixes: z.array(z.tuple([z.string(), z.number()])),
  entries: z.array(entryLine),
  removed: z.array(removalLine).default([]),
});

export class FormerLastKnown {
  readonly #path: string;

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, 'last-known.json');
  }

  /** While it is there it is later than its successor, which an xnet that was set back does not write. */
  async isThere(): Promise<boolean> {
    return (await stat(this.#path).catch(() => undefined)) !== undefined;
  }

  /** undefined: it is unreadable, or of another store. Never rejects. */
  async read(store: string): Promise<KnownContent | undefined> {
    try {
      const parsed = content.parse(JSON.parse(await readFile(this.#path, 'utf8')));
      if (!isSameStore(parsed.store, store)) return undefined;
      return {
        revision: parsed.revision,
        prefixes: new Map(parsed.prefixes),
        entries: new Map(parsed.entries.map((entry) => [entry.key, entry])),
        removals: new Map(parsed.removed.map((removal) => [removal.key, removal])),
      };
    } catch {
      return undefined;
    }
  }

  /** Without effect where it is absent. Throws the file system's errors. */
  async remove(): Promise<void> {
    // The second is left by an xnet that was killed while it wrote.
    for (const path of [this.#path, `${this.#path}.new`]) await rm(path, { force: true });
  }
}
