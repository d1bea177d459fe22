import { closeSync } from 'node:fs';
import { XnetError } from '../errors.js';
import type { HeldEntry } from './messages.js';

/** The keeper's own descriptors by key. Every descriptor in it is open, and is closed exactly once. */
export class HeldDescriptors {
  readonly #entries = new Map<string, HeldEntry>();

  /** `given`: the supervisor's sockets, already open in this process. */
  constructor(given: readonly HeldEntry[]) {
    for (const entry of given) this.#entries.set(entry.key, entry);
  }

  /** Holds what `duplicate` returns; what stood under `key` before is closed only when that has succeeded. */
  hold(key: string, duplicate: () => number): HeldEntry {
    const before = this.#entries.get(key);
    const entry = { key, fd: duplicate(), given: false };
    this.#entries.set(key, entry);
    if (before) closeSync(before.fd);
    return entry;
  }

  /** Closes what is held under `key`; nothing there is success. */
  release(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    closeSync(entry.fd);
  }

  /** Another object when another socket is held under `key`. */
  get(key: string): HeldEntry {
    const entry = this.#entries.get(key);
    if (!entry) throw new XnetError('NOT_FOUND', `nothing is held under ${key}`);
    return entry;
  }

  list(): HeldEntry[] {
    return [...this.#entries.values()];
  }
}
