import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';

/**
 * Calls `onName` with each name that comes or goes in the directory of namespaces. A watch that has failed, or whose directory was
 * removed, is begun anew by the next `ensure`; what happened in between is not known.
 */
export class NamespaceNames implements Disposable {
  #watcher: FSWatcher | undefined;

  constructor(
    private readonly directory: string,
    private readonly onName: (name: string) => void,
  ) {}

  /** Watches, unless that is done already. Without a directory nothing is watched: to be called again with the next event. */
  ensure(): void {
    if (this.#watcher) return;
    try {
      const watcher = watch(this.directory, { persistent: false }, (_, name) => this.#take(name));
      this.#watcher = watcher;
      watcher.on('error', () => this[Symbol.dispose]());
    } catch {
      // No namespace was ever made on this host.
    }
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #take(name: string | null): void {
    if (name === null) return;
    // So the kernel reports that the directory itself has gone (IN_DELETE_SELF, inotify(7)).
    if (name === basename(this.directory)) this[Symbol.dispose]();
    this.onName(name);
  }
}
