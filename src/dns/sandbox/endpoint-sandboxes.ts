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
  readonly entered: Promise<void>;
}

export class EndpointSandboxes {
  readonly #stays = new Map<string, Stay>();
  /** Of every endpoint in a sandbox, also where names are not answered. */
  readonly #paths = new Map<string, string>();

  constructor(
    private readonly resolvers: SandboxResolvers,
    private readonly logger: Logger,
  ) {}

  /**
   * Starts to answer the names of the endpoint's network in the sandbox; `ready` resolves then. Nothing is done while no
   * namespace is at the path (Docker before 28 makes it after Join). Idempotent.
   */
  enter({ id, networkId }: { readonly id: string; readonly networkId: string }, sandboxPath: string): void {
    this.#paths.set(id, sandboxPath);
    if (this.#stays.get(id)?.sandboxPath === sandboxPath) return;
    const entered = this.#enter(id, networkId, sandboxPath);
    this.#stays.set(id, { networkId, sandboxPath, entered });
  }

  /** Resolves when the endpoint's sandbox has its resolver, or will not get one in time. Never rejects. */
  async ready(endpointId: string): Promise<void> {
    const stay = this.#stays.get(endpointId);
    if (stay) await raceLimit(stay.entered, (decided) => sleepRunning(READY_MS, decided));
  }

  /** Whether the names of its network are answered in the endpoint's sandbox, as far as it went well. */
  has(endpointId: string): boolean {
    return this.#stays.has(endpointId);
  }

  /** The sandbox of the endpoint; undefined: in none, or not known to this daemon yet. */
  pathOf(endpointId: string): string | undefined {
    return this.#paths.get(endpointId);
  }

  /** Unknown is success. Goes on behind: queries under way are still answered. */
  leave(endpointId: string): void {
    this.#paths.delete(endpointId);
    const stay = this.#stays.get(endpointId);
    if (!stay) return;
    this.#stays.delete(endpointId);
    void this.#leave(stay);
  }

  /** After it has entered: a resolver that comes later than it was given up would stay. */
  async #leave({ networkId, sandboxPath, entered }: Stay): Promise<void> {
    await entered;
    const others = [...this.#stays.values()];
    if (others.some((other) => other.sandboxPath === sandboxPath && other.networkId === networkId)) return;
    await this.resolvers.detach(sandboxPath, networkId);
  }

  async #enter(endpointId: string, networkId: string, sandboxPath: string): Promise<void> {
    const attached = (await isNamespace(sandboxPath))
      ? await this.resolvers.attach(sandboxPath, networkId)
      : undefined;
    if (attached?.installed) return;
    // Tried again at Docker's event that the container has started, and at every sweep.
    if (this.#stays.get(endpointId)?.sandboxPath === sandboxPath) this.#stays.delete(endpointId);
    if (attached) {
      this.logger.warn("a container's resolver is Docker's alone: it finds no names of other hosts", {
        endpoint: endpointId,
        sandbox: sandboxPath,
        reason: attached.reason,
      });
    }
  }
}

async function isNamespace(path: string): Promise<boolean> {
  return statfs(path).then(
    ({ type }) => type === NSFS_MAGIC,
    () => false,
  );
}
