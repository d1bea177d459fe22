import { statSync } from 'node:fs';
import { NAMESPACES } from '../interface-names.js';
import { StandingProgram } from './standing-program.js';

/** Work that must not wait for other work: deleting devices takes the kernel tens of ms. */
export type Lane = 'main' | 'removal';

export type Iproute2Program = 'ip' | 'bridge';

/** Stands for the namespace that this process is in. */
export const HOST = '';

interface Standing {
  readonly program: StandingProgram;
  readonly namespace: string;
  /** Which namespace it is in: a name may stand for another one later. */
  readonly inode: number | undefined;
  readonly idle: NodeJS.Timeout;
}

/** How long one stands unused. Containers of one network are started close together (Compose, boot). */
const IDLE_MS = 60_000;

/** At most, of 0.9 MB each; the one unused for longest goes first. */
const CAPACITY = 32;

/** Lines after which one is replaced: it remembers the name of every interface that it ever saw. */
const MOST_LINES = 20_000;

/** The standing programs of this host's network namespaces, started when first needed. */
export class StandingPrograms {
  /** In order of use. */
  readonly #standing = new Map<string, Standing>();

  /** The one for this program, namespace and lane; `fresh`: not one that has done anything yet. */
  async take(
    program: Iproute2Program,
    namespace: string,
    lane: Lane,
    fresh = false,
  ): Promise<StandingProgram> {
    const key = `${program} ${namespace} ${lane}`;
    const inode = inodeOfNamespace(namespace);
    const found = this.#remove(key);
    if (found && !fresh && isUsable(found, inode)) return this.#put(key, found.program, namespace, inode);
    void found?.program.stop();
    const args = [...(namespace === HOST ? [] : ['-n', namespace]), '-force', '-batch', '-'];
    const started = new StandingProgram(program, args);
    return this.#put(key, started, namespace, inode);
  }

  /** Ends all, or those of a namespace: while one stands, the namespace and the VNI in it live on. */
  async stop(namespace?: string): Promise<void> {
    const of = [...this.#standing].filter(([, each]) => each.namespace === (namespace ?? each.namespace));
    await Promise.all(of.map(([key]) => this.#remove(key)?.program.stop()));
  }

  #put(key: string, program: StandingProgram, namespace: string, inode: number | undefined): StandingProgram {
    const idle = setTimeout(() => void this.#remove(key)?.program.stop(), IDLE_MS).unref();
    this.#standing.set(key, { program, namespace, inode, idle });
    const [oldest] = this.#standing.keys();
    if (this.#standing.size > CAPACITY && oldest) void this.#remove(oldest)?.program.stop();
    return program;
  }

  #remove(key: string): Standing | undefined {
    const standing = this.#standing.get(key);
    clearTimeout(standing?.idle);
    this.#standing.delete(key);
    return standing;
  }
}

function isUsable({ program, inode }: Standing, now: number | undefined): boolean {
  return program.usable && program.lines < MOST_LINES && inode !== undefined && inode === now;
}

/**
 * Distinguishes a namespace from the next of that name; undefined when there is none. Synchronous: the file is in memory, and
 * each container's start would wait for its turn among other work.
 */
export function inodeOfNamespace(namespace: string): number | undefined {
  if (namespace === HOST) return 0;
  return statSync(`${NAMESPACES}/${namespace}`, { throwIfNoEntry: false })?.ino;
}
