import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** What was read of a call, and by how many daemons it was repeated so far. */
export interface NotedCall {
  readonly id: string;
  readonly repeats: number;
}

/**
 * The bytes of the calls that are not answered yet: a file each, `ID-REPEATS`. Meant for a tmpfs, where a write takes
 * some 0.03 ms: everything here is synchronous, so that what is to follow a write cannot come before it.
 */
export class CallNotes {
  readonly #directory: string;

  /** Throws what the file system says. */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  append(call: NotedCall, bytes: Buffer): void {
    appendFileSync(this.#fileOf(call), bytes, { mode: 0o600 });
  }

  read(call: NotedCall): Buffer {
    return readFileSync(this.#fileOf(call));
  }

  /** The same call, to be repeated once more. */
  countRepeat(call: NotedCall): NotedCall {
    const next = { ...call, repeats: call.repeats + 1 };
    renameSync(this.#fileOf(call), this.#fileOf(next));
    return next;
  }

  /** Absent is success. */
  remove(call: NotedCall): void {
    rmSync(this.#fileOf(call), { force: true });
  }

  list(): NotedCall[] {
    return readdirSync(this.#directory).flatMap((name) => {
      const [, id, repeats] = /^([0-9a-f]+)-(\d+)$/.exec(name) ?? [];
      return id === undefined ? [] : [{ id, repeats: Number(repeats) }];
    });
  }

  #fileOf({ id, repeats }: NotedCall): string {
    return join(this.#directory, `${id}-${repeats}`);
  }
}
