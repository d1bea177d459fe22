import { type FileHandle, open } from 'node:fs/promises';
import { namespacePath } from '../interface-names.js';

/**
 * The network namespace that is "the host", as a path that programs take. Of this process it is a descriptor, not
 * /proc/PID/ns/net: that one follows the main thread, which sandbox sockets are opened on and which is in another
 * namespace for a moment then.
 */
export class HostNamespace implements AsyncDisposable {
  #own: Promise<FileHandle> | undefined;

  /** `name`: a namespace of /run/netns. Default: the one this process is in. */
  constructor(readonly name: string | undefined) {}

  /** The file of the namespace with a name; undefined: the one this process is in. */
  get file(): string | undefined {
    return this.name === undefined ? undefined : namespacePath(this.name);
  }

  /** Throws the file system's errors. */
  async path(): Promise<string> {
    if (this.name !== undefined) return this.name;
    this.#own ??= open('/proc/thread-self/ns/net');
    return `/proc/${process.pid}/fd/${(await this.#own).fd}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#own)?.close();
    this.#own = undefined;
  }
}
