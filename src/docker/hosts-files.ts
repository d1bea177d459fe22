/**
 * The hosts files of containers: Docker 28 writes lines in them that programs do not understand (hosts-lines.ts), and here they
 * are put right, before the container's first instruction where Docker waits for an answer of ours.
 */
import { ftruncateSync, readFileSync, writeSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { sleep } from '../concurrency/deadline.js';
import { errorMessage } from '../errors.js';
import type { Logger } from '../observability/logger.js';
import type { ContainerDirectories } from './container-directories.js';
import {
  type Edit,
  hasLineOf,
  planReadable,
  planRestored,
  withoutReadable,
  writesMapped,
} from './hosts-lines.js';

/** How long Docker waits for this at most: a container that does not find itself is better than none. */
const WAIT_MS = 1_000;

interface Stay {
  readonly sandboxPath: string;
  /** Of the container; undefined: not found yet. */
  directory?: string | undefined;
}

/** Nothing here fails: a file that cannot be put right is a problem that `problem` and the log say. */
export class HostsFiles {
  readonly #stays = new Map<string, Stay>();
  #problem: string | undefined;
  /** Until Docker's version is known the files say it. */
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
    if (this.#stays.get(endpointId)?.sandboxPath !== sandboxPath)
      this.#stays.set(endpointId, { sandboxPath });
  }

  /** Docker has written the lines of the endpoint's addresses: resolves when they are right, or after a second. */
  async correct(endpointId: string, addresses: readonly string[]): Promise<void> {
    await this.#bounded(async () => {
      const stay = this.#stays.get(endpointId);
      if (!stay) return;
      stay.directory ??= this.#neighbour(stay.sandboxPath) ?? (await this.#findByLine(addresses));
      if (stay.directory !== undefined) await makeReadable(stay.directory);
    });
  }

  /** The same, behind, of an endpoint that this daemon may not have seen join. Idempotent. */
  enterRunning(endpointId: string, sandboxPath: string, containerId: string): void {
    this.enter(endpointId, sandboxPath);
    const stay = this.#stays.get(endpointId);
    if (!stay || stay.directory !== undefined) return;
    void this.#bounded(async () => {
      stay.directory = await this.directories.find(containerId);
      if (stay.directory !== undefined) await makeReadable(stay.directory);
    });
  }

  /** The same, of a container in a network of another driver. */
  async correctOf(containerId: string): Promise<void> {
    await this.#bounded(async () => {
      const directory = await this.directories.find(containerId);
      if (directory !== undefined) await makeReadable(directory);
    });
  }

  /** Docker is about to delete the lines of the endpoint's addresses: resolves when it finds them, or after a second. */
  async leave(endpointId: string, addresses: readonly string[]): Promise<void> {
    const directory = this.#stays.get(endpointId)?.directory;
    this.#stays.delete(endpointId);
    if (directory === undefined) return;
    await this.#bounded(() =>
      edit(directory, (content) => planRestored(content, (address) => addresses.includes(address))),
    );
  }

  /** The container has left a network of another driver: Docker did not find the lines of its addresses there. */
  async removeOf(containerId: string, isWanted: (address: string) => boolean): Promise<void> {
    await this.#bounded(async () => {
      const directory = await this.directories.find(containerId);
      if (directory !== undefined) await removeLines(directory, isWanted);
    });
  }

  /** Where another endpoint of the same sandbox is known to be. */
  #neighbour(sandboxPath: string): string | undefined {
    return [...this.#stays.values()].find((stay) => stay.sandboxPath === sandboxPath && stay.directory)
      ?.directory;
  }

  /** Which container is being started Docker does not say; it has written the address into its file. */
  async #findByLine(addresses: readonly string[]): Promise<string | undefined> {
    for await (const { path } of this.directories.listYoungestFirst()) {
      const content = await unlessGone(readFile(hostsOf(path), 'latin1'));
      if (addresses.some((address) => hasLineOf(content ?? '', address))) return path;
    }
    return undefined;
  }

  async #bounded(work: () => Promise<void>): Promise<void> {
    if (!this.#isNeeded) return;
    const timeout = new AbortController();
    const done = work().then(
      () => {
        this.#problem = undefined;
      },
      (error: unknown) => this.#note(errorMessage(error)),
    );
    await Promise.race([done, sleep(WAIT_MS, timeout.signal)]);
    timeout.abort();
  }

  #note(reason: string): void {
    const problem = `containers of this host do not find themselves by their own names: ${reason}`;
    if (problem !== this.#problem) this.logger.warn("cannot put a container's hosts file right", { reason });
    this.#problem = problem;
  }
}

const hostsOf = (directory: string) => `${directory}/hosts`;

async function makeReadable(directory: string): Promise<void> {
  const hostname = await unlessGone(readFile(`${directory}/hostname`, 'latin1'));
  if (hostname !== undefined) await edit(directory, (content) => planReadable(content, hostname));
}

/** What is planned is written in the same turn: Docker may be about to write, too. */
async function edit(directory: string, plan: (content: string) => readonly Edit[]): Promise<void> {
  await using file = await unlessGone(open(hostsOf(directory), 'r+'));
  if (!file) return;
  for (const { offset, text } of plan(readFileSync(file.fd, 'latin1')))
    writeSync(file.fd, Buffer.from(text, 'latin1'), 0, text.length, offset);
}

/** In place: it is this file that the container has. */
async function removeLines(directory: string, isWanted: (address: string) => boolean): Promise<void> {
  await using file = await unlessGone(open(hostsOf(directory), 'r+'));
  if (!file) return;
  const content = readFileSync(file.fd, 'latin1');
  const rest = withoutReadable(content, isWanted);
  if (rest === content) return;
  writeSync(file.fd, Buffer.from(rest, 'latin1'), 0, rest.length, 0);
  ftruncateSync(file.fd, rest.length);
}

/** A container may be removed meanwhile. */
async function unlessGone<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error: unknown) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
