/**
 * The hosts files of containers: Docker 28 writes lines in them that programs do not understand (hosts-lines.ts). Here they are
 * corrected, before the container's first instruction where Docker waits for an answer of ours.
 */
import { constants, fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { raceLimit, sleep } from '../concurrency/deadline.js';
import { errorMessage } from '../errors.js';
import type { Logger } from '../observability/logger.js';
import type { ContainerDirectories } from './container-directories.js';
import { hasOwnLine, planReadable, withoutReadable, writesMapped } from './hosts-lines.js';

const { O_RDONLY, O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;

/** How long Docker waits for this at most: a container that does not find itself is better than none. */
const WAIT_MS = 1_000;
/** Containers that are looked at before Docker has written the line, besides as many as are being started: at most so many. */
const SPARE = 2;
const MOST = 16;
/** Processes that are looked at for these: the container's is among the youngest of the host. All are, should it not be. */
const YOUNG = 32;

interface Stay {
  readonly sandboxPath: string;
  /** Directories of containers; where the endpoint's is, if it is one that is being started. */
  readonly youngest: Promise<string[]>;
  /** Of the container; undefined: not found yet. */
  directory?: string | undefined;
}

/** Nothing here fails: a file that cannot be corrected is reported by `problem` and in the log. */
export class HostsFiles {
  readonly #stays = new Map<string, Stay>();
  #problem: string | undefined;
  /** Until Docker's version is known the files show it. */
  #isNeeded = true;

  constructor(
    private readonly directories: ContainerDirectories,
    private readonly logger: Logger,
  ) {}

  /** Why containers do not find themselves by their own names; undefined: the last one does. */
  get problem(): string | undefined {
    return this.#problem;
  }

  noteDockerVersion(version: string): void {
    this.#isNeeded = writesMapped(version);
  }

  /** The endpoint is in the sandbox. Idempotent. */
  enter(endpointId: string, sandboxPath: string): void {
    if (!this.#isNeeded || this.#stays.get(endpointId)?.sandboxPath === sandboxPath) return;
    const underWay = 1 + [...this.#stays.values()].filter((stay) => stay.directory === undefined).length;
    const youngest = this.#listYoungest(Math.min(underWay + SPARE, MOST));
    this.#stays.set(endpointId, { sandboxPath, youngest });
  }

  /** Docker has written the lines of the endpoint's addresses: resolves when they are right, or after a second. */
  async correct(endpointId: string, addresses: readonly string[]): Promise<void> {
    const stay = this.#stays.get(endpointId);
    if (!stay) return;
    await this.#bounded(async () => {
      stay.directory ??= this.#neighbour(stay.sandboxPath);
      if (stay.directory !== undefined) await makeReadable(stay.directory);
      else stay.directory = await this.#correctByLine(stay, addresses);
    });
  }

  /** The same, behind, of an endpoint that this daemon may not have seen join. Idempotent. */
  enterRunning(endpointId: string, sandboxPath: string, containerId: string): void {
    if (!this.#isNeeded || this.#stays.get(endpointId)?.directory !== undefined) return;
    const stay: Stay = { sandboxPath, youngest: Promise.resolve([]) };
    this.#stays.set(endpointId, stay);
    void this.#bounded(() =>
      this.#inDirectoryOf(containerId, async (directory) => {
        stay.directory = directory;
        await makeReadable(directory);
      }),
    );
  }

  /** The same, of a container in a network of another driver. */
  async correctOf(containerId: string): Promise<void> {
    if (!this.#isNeeded) return;
    await this.#bounded(() => this.#inDirectoryOf(containerId, makeReadable));
  }

  /** The sandbox is done with the endpoint: resolves when its lines are gone, or after a second. Unknown is success. */
  async leave(endpointId: string, addresses: readonly string[]): Promise<void> {
    const directory = this.#stays.get(endpointId)?.directory;
    this.#stays.delete(endpointId);
    if (directory !== undefined)
      await this.#bounded(() => removeLines(directory, (address) => addresses.includes(address)));
  }

  /** The container has left a network of another driver. */
  async removeOf(containerId: string, isOfNetwork: (address: string) => boolean): Promise<void> {
    if (!this.#isNeeded) return;
    await this.#bounded(() =>
      this.#inDirectoryOf(containerId, (directory) => removeLines(directory, isOfNetwork)),
    );
  }

  async #inDirectoryOf(containerId: string, work: (directory: string) => Promise<unknown>): Promise<void> {
    const directory = await this.directories.find(containerId);
    if (directory !== undefined) await work(directory);
  }

  /** Where another endpoint of the same sandbox is known to be. */
  #neighbour(sandboxPath: string): string | undefined {
    return [...this.#stays.values()].find((stay) => stay.sandboxPath === sandboxPath && stay.directory)
      ?.directory;
  }

  /** Never rejects: a failure comes again, and is reported, when the lines are there. */
  async #listYoungest(count: number): Promise<string[]> {
    const paths: string[] = [];
    try {
      for await (const { path } of this.directories.listYoungestFirst(YOUNG))
        if (paths.push(path) === count) break;
    } catch {
      return [];
    }
    return paths;
  }

  /** Docker does not name the container that it starts, but has written the address into its file. Resolves to the directory. */
  async #correctByLine({ youngest }: Stay, addresses: readonly string[]): Promise<string | undefined> {
    const isIts: IsIts = (...file) => addresses.some((address) => hasOwnLine(...file, address));
    for (const path of await youngest) if (await makeReadable(path, isIts)) return path;
    for await (const { path } of this.directories.listYoungestFirst())
      if (await makeReadable(path, isIts)) return path;
    return undefined;
  }

  async #bounded(work: () => Promise<unknown>): Promise<void> {
    const done = work().then(
      () => {
        this.#problem = undefined;
      },
      (error: unknown) => this.#note(errorMessage(error)),
    );
    await raceLimit(done, (decided) => sleep(WAIT_MS, decided));
  }

  #note(reason: string): void {
    const problem = `containers of this host do not find themselves by their own names: ${reason}`;
    if (problem !== this.#problem) this.logger.warn("cannot put a container's hosts file right", { reason });
    this.#problem = problem;
  }
}

type IsIts = (content: string, hostname: string) => boolean;

/**
 * False when it is not the file that is looked for. What is read is small and was just written, and is altered in the same turn:
 * Docker may be about to write more.
 */
async function makeReadable(directory: string, isIts: IsIts = () => true): Promise<boolean> {
  await using hostnameFile = await openOwn(directory, 'hostname');
  await using file = await openOwn(directory, 'hosts');
  if (!file || !hostnameFile) return false;
  const [content, hostname] = [readSmall(file), readSmall(hostnameFile)];
  if (content === undefined || hostname === undefined) return false;
  if (!isIts(content, hostname)) return false;
  for (const { offset, text } of planReadable(content, hostname))
    writeSync(file.fd, Buffer.from(text, 'latin1'), 0, text.length, offset);
  return true;
}

/** In place: it is this file that the container has. */
async function removeLines(directory: string, isWanted: (address: string) => boolean): Promise<void> {
  await using file = await openOwn(directory, 'hosts');
  const content = file && readSmall(file);
  if (!file || content === undefined) return;
  const rest = withoutReadable(content, isWanted);
  if (rest === content) return;
  writeSync(file.fd, Buffer.from(rest, 'latin1'), 0, rest.length, 0);
  ftruncateSync(file.fd, rest.length);
}

/**
 * Undefined: the container has been removed meanwhile, or this is none of Docker's files. The container may write what it wants in
 * them; one that may mount can show others in their place: no link is followed, and nothing is waited for.
 */
async function openOwn(directory: string, name: 'hosts' | 'hostname') {
  const flags = name === 'hosts' ? O_RDWR : O_RDONLY;
  return open(`${directory}/${name}`, flags | O_NOFOLLOW | O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      if (['ENOENT', 'ELOOP', 'ENXIO', 'EISDIR'].includes(error.code ?? '')) return undefined;
      throw error;
    },
  );
}

/** A line of each of a thousand networks is less. */
const MOST_BYTES = 256 * 1024;

/** Undefined: a container has made something else of it, which could not be read in a moment. */
function readSmall({ fd }: FileHandle): string | undefined {
  if (!fstatSync(fd).isFile()) return undefined;
  // It may grow meanwhile.
  const bytes = Buffer.allocUnsafe(MOST_BYTES + 1);
  const length = readSync(fd, bytes, 0, bytes.length, 0);
  return length <= MOST_BYTES ? bytes.toString('latin1', 0, length) : undefined;
}
