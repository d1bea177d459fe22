import { rm, stat, writeFile } from 'node:fs/promises';
import { diskError, isFull } from '../../../disk-errors.js';

/** Some hundred records. */
const BYTES = 64 << 10;

/** A file of the state directory that reserves room: what must be written also to a full disk is written in its place. */
export class SpareRoom {
  #isThere = false;

  constructor(private readonly path: string) {}

  /** Costs nothing when the file is there. Throws DISK, with no room taken. */
  async ensure(): Promise<void> {
    if (this.#isThere) return;
    const found = await stat(this.path).catch(() => undefined);
    if (found?.size !== BYTES) await this.#make();
    this.#isThere = true;
  }

  /** Calls `work`; on a full disk removes the file and calls `work` once more. */
  async write(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error: unknown) {
      if (!isFull(error)) throw error;
      this.#isThere = false;
      await rm(this.path, { force: true });
      await work();
    }
  }

  async #make(): Promise<void> {
    try {
      // Some file systems find out only when it is flushed that there is no room.
      await writeFile(this.path, Buffer.alloc(BYTES), { mode: 0o600, flush: true });
    } catch (error: unknown) {
      await rm(this.path, { force: true }).catch(() => undefined);
      throw diskError(this.path, error);
    }
  }
}
