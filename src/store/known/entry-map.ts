import type { Entry } from '../store.js';

/** Entries by key. What is under a prefix is found without a look at all entries: they are kept by folder of their keys. */
export class EntryMap {
  /** By folder (the key up to its last slash, and with it) and key. No folder is empty. */
  readonly #folders = new Map<string, Map<string, Entry>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): Entry | undefined {
    return this.#folders.get(folderOf(key))?.get(key);
  }

  set(entry: Entry): void {
    const name = folderOf(entry.key);
    const folder = this.#folders.get(name) ?? new Map<string, Entry>();
    this.#folders.set(name, folder);
    if (!folder.has(entry.key)) this.#size += 1;
    folder.set(entry.key, entry);
  }

  /** False: it was absent. */
  delete(key: string): boolean {
    const name = folderOf(key);
    const folder = this.#folders.get(name);
    if (!folder?.delete(key)) return false;
    this.#size -= 1;
    if (folder.size === 0) this.#folders.delete(name);
    return true;
  }

  list(prefix: string): Entry[] {
    const found: Entry[] = [];
    for (const [name, folder] of this.#folders) {
      if (!name.startsWith(prefix) && !prefix.startsWith(name)) continue;
      for (const [key, entry] of folder) if (key.startsWith(prefix)) found.push(entry);
    }
    return found;
  }
}

function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}
