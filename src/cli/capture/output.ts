import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { errorMessage, XnetError } from '../../errors.js';

/** Where a capture is written. */
export interface Output {
  /** Resolves when there is room for more. Throws DISK. */
  write(content: string | Buffer): Promise<void>;
  /** Throws DISK. */
  close(): Promise<void>;
}

export const STANDARD_OUTPUT: Output = {
  async write(content) {
    if (!process.stdout.write(content)) await once(process.stdout, 'drain');
  },
  async close() {},
};

/** Made, or written anew, with the first write: for root alone, since packets may hold secrets. */
export class FileOutput implements Output {
  #file: FileHandle | undefined;

  constructor(private readonly path: string) {}

  async write(content: string | Buffer): Promise<void> {
    try {
      this.#file ??= await this.#open();
      await this.#file.writeFile(content);
    } catch (error: unknown) {
      throw this.#failure(error);
    }
  }

  /** A file that is there already gets its mode too; a device or a pipe keeps its own. */
  async #open(): Promise<FileHandle> {
    const file = await open(this.path, 'w', 0o600);
    if ((await file.stat()).isFile()) await file.chmod(0o600);
    return file;
  }

  async close(): Promise<void> {
    await this.#file?.close().catch((error: unknown) => {
      throw this.#failure(error);
    });
  }

  #failure(error: unknown): XnetError {
    const { path } = this;
    return new XnetError('DISK', `cannot write ${path}: ${errorMessage(error)}; give another file`, { path });
  }
}
