/** Which endpoint is in which sandbox: from Join to Leave the names of its network are answered there. */
import { statfs } from 'node:fs/promises';
import { raceLimit, sleepRunning } from '../../concurrency/deadline.js';
import type { Logger } from '../../observability/logger.js';
import type { SandboxResolvers } from './resolvers.js';

/** Type of the file system that namespaces are files of (statfs(2)). */
const NSFS_MAGIC = 0x6e736673;

/** How long a container's start waits for its resolver: a slow one is better than none, a stuck one is not. */
const READY_MS = 20_000;

interface Stay {
  readonly networkId: string;
  readonly sandboxPath: string;
  /** Resolves when the sandbox has its resolver; undefined: names are not answered there. */
  entered: Promise<void> | undefined;
}

export class EndpointSandboxes {
  readonly #stays = new Map<string, Stay>();

  constructor(
    private readonly resolvers: SandboxResolvers,
    private readonly logger: Logger,
  ) {}

  /**
   * Starts to answer the names of the endpoint's network in the sandbox; `ready` resolves then. Nothing is done while no
   * namespace is at the path (Docker before 28 makes it after Join). Idempotent.
   */
  enter({ id, networkId }: { readonly id: string; readonly networkId: string }, sandboxPath: string): void {
    const known = this.#stays.get(id);
    if (known?.entered !== undefined && known.sandboxPath === sandboxPath) return;
    const stay: Stay = { networkId, sandboxPath, entered: undefined };
    stay.entered = this.#enter(id, stay);
    this.#stays.set(id, stay);
  }

  /** Resolves when the endpoint's sandbox has its resolver, or will not get one in time. Never rejects. */
  async ready(endpointId: string): Promise<void> {
    const entered = this.#stays.get(endpointId)?.entered;
    if (entered !== undefined) await raceLimit(entered, (decided) => sleepRunning(READY_MS, decided));
  }

  /** Whether the names of its network are answered in the endpoint's sandbox, as far as it went well. */
  has(endpointId: string): boolean {
    return this.#stays.get(endpointId)?.entered !== undefined;
  }

  /** The sandbox of the endpoint; undefined: in none, or not known to this daemon yet. */
  pathOf(endpointId: string): string | undefined {
    return this.#stays.get(endpointId)?.sandboxPath;
  }

  /** Unknown is success. Goes on behind: queries under way are still answered. */
  leave(endpointId: string): void {
    const stay = this.#stays.get(endpointId);
    this.#stays.delete(endpointId);
    if (stay?.entered !== undefined) void this.#leave(stay);
  }

  /** After it has entered: a resolver that comes later than it was given up would stay. */
  async #leave({ networkId, sandboxPath, entered }: Stay): Promise<void> {
    await entered;
    const others = [...this.#stays.values()].filter((other) => other.entered !== undefined);
    if (others.some((other) => other.sandboxPath === sandboxPath && other.networkId === networkId)) return;
    await this.resolvers.detach(sandboxPath, networkId);
  }

  async #enter(endpointId: string, stay: Stay): Promise<void> {
    const { sandboxPath, networkId } = stay;
    const isThere = await isNamespace(sandboxPath);
    const reason = isThere ? await this.resolvers.attach(sandboxPath, networkId) : undefined;
    if (isThere && reason === undefined) return;
    // Tried again at Docker's event that the container has started, and at every sweep.
    stay.entered = undefined;
    if (reason === undefined) return;
    this.logger.warn("a container's resolver is Docker's alone: it finds no names of other hosts", {
      endpoint: endpointId,
      sandbox: sandboxPath,
      reason,
    });
  }
}

/** False: none is there, as before Docker 28 until after Join. */
export async function isNamespace(path: string): Promise<boolean> {
  return statfs(path).then(
    ({ type }) => type === NSFS_MAGIC,
    () => false,
  );
}
