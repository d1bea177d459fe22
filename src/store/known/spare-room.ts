import { open, rm, stat } from 'node:fs/promises';
import { diskError, isFull } from '../../disk-errors.js';

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
      const file = await open(this.path, 'w', 0o600);
      try {
        await file.writeFile(Buffer.alloc(BYTES));
        // Some file systems find out only then that there is no room.
        await file.datasync();
      } finally {
        await file.close();
      }
    } catch (error: unknown) {
      await rm(this.path, { force: true }).catch(() => undefined);
      throw diskError(this.path, error);
    }
  }
}
