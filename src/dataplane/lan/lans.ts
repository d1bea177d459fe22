import { KeyedMutex } from '../../concurrency/keyed-mutex.js';
import type { LanSpec } from '../modes.js';
import { isAtOdds, type OtherUse } from './parent/refusals.js';

/** Names the work on the host's interfaces for OwnWork. */
export const LAN_WORK = 'xnet-lan';

/** What a network of this process has on an interface of the host. */
export interface LanUse {
  readonly mode: LanSpec;
  /** The device below its children, as it was last; undefined: it is inside the host, or was never there. */
  readonly parent: string | undefined;
  /** All interfaces of the host that concern it, also those that are not there now. */
  readonly interfaces: readonly string[];
  /** It has an endpoint on this host, as far as is known. */
  readonly isInUse: () => boolean;
}

/** The LAN networks of this process, which share the host's interfaces. */
export class Lans {
  readonly #uses = new Map<string, LanUse>();
  readonly #hostInterfaces = new Map<string, number>();
  readonly #mutex = new KeyedMutex();
  /** An earlier process has left none. */
  #areNoneLeft = false;
  /** The table of host-guard.ts is there, as far as is known. */
  isGuarded = false;

  /** Runs `task` alone among those that change interfaces which several networks use. */
  alone<T>(task: () => Promise<T>): Promise<T> {
    return this.#mutex.run('', task);
  }

  /** Instead of what was noted of the network before. */
  note(networkId: string, use: LanUse): void {
    this.#uses.set(networkId, use);
  }

  forget(networkId: string): void {
    this.#uses.delete(networkId);
    this.#hostInterfaces.delete(networkId);
  }

  /** What `list` finds in the kernel. A host without networks on LANs does not look for them again and again. */
  async unlessNone<T>(list: () => Promise<T[]>): Promise<T[]> {
    if (this.#areNoneLeft && this.#uses.size === 0) return [];
    const found = await list();
    this.#areNoneLeft = found.length === 0;
    return found;
  }

  /** The networks that an interface of the host concerns. */
  networksOn(interfaceName: string): string[] {
    return [...this.#uses].flatMap(([id, { interfaces }]) =>
      interfaces.includes(interfaceName) ? [id] : [],
    );
  }

  /** The host's own interface of the network, as the kernel numbers it. */
  noteHostInterface(networkId: string, index: number): void {
    this.#hostInterfaces.set(networkId, index);
  }

  get hasHostInterface(): boolean {
    return this.#hostInterfaces.size > 0;
  }

  /** The networks whose host's interface has the number; undefined: all that have one. */
  networksWith(hostInterface: number | undefined): string[] {
    const found = [...this.#hostInterfaces].filter(
      ([, index]) => hostInterface === undefined || index === hostInterface,
    );
    return found.map(([id]) => id);
  }

  /** Its children are on another device than this one, as far as is known. */
  isElsewhere(networkId: string, parent: string): boolean {
    const use = this.#uses.get(networkId);
    return use !== undefined && use.parent !== parent;
  }

  /** A network with endpoints on the same device that the kernel does not take beside one of this mode. */
  findRival(networkId: string, mode: LanSpec, parent: string): OtherUse | undefined {
    for (const [id, use] of this.#uses) {
      if (id === networkId || use.parent !== parent || !use.isInUse()) continue;
      if (isAtOdds(mode, use.mode)) return { networkId: id, mode: use.mode };
    }
    return undefined;
  }
}
