/**
 * src/keeper/client: the keeper as its daemon sees it. Here is the contract of the sockets that outlive the daemon, which
 * others may import; connection.ts has the implementation. Nothing of the keeper itself is imported but what both sides
 * agree on: messages.ts and make-socket.ts.
 */
import type { KeeperState } from '../messages.js';

/**
 * Descriptors that stay open in the keeper while no daemon runs. Keys are the daemon's: 1 to 255 printable
 * characters (`plugin`, `sandbox:udp:...`). A daemon that starts finds what its predecessors held, and releases
 * what it does not need any more: the predecessor may have died before it could.
 */
export interface HeldSockets {
  /** What is held, as far as this daemon knows. */
  list(): readonly { readonly key: string; readonly given: boolean }[];
  /**
   * Has the open descriptor `fd` held under `key` in place of what was held there. Keep `fd` open until this
   * resolves; from then on the socket outlives this process. Rejects with the reason when it cannot be held.
   */
  hold(key: string, fd: number): Promise<void>;
  /** Closes what is held under `key`; nothing there is success. Descriptors of this process stay open. */
  release(key: string): Promise<void>;
  /** A duplicate, the caller's to close, of what is held under `key`. Synchronous; still held after it. */
  take(key: string): number | undefined;
}

/** All that the keeper does for its daemon. */
export interface KeeperClient extends HeldSockets {
  /**
   * Has the calls that come to the socket held under `key` carried to the socket at the path `to`, from now on and over
   * the ends of daemons. Idempotent. False when there is no keeper to do it. Rejects with the reason when it cannot be
   * done.
   */
  relay(key: string, to: string): Promise<boolean>;
  /** Resolves when no call comes from there any more and those under way are answered. Nothing there is success. */
  endRelay(key: string): Promise<void>;
  /** How the keeper fares; undefined without one. */
  readonly keeper: KeeperState | undefined;
}

/** Without a keeper nothing is held, and nothing outlives this process. */
export const NOTHING_HELD: KeeperClient = {
  list: () => [],
  hold: async () => undefined,
  release: async () => undefined,
  take: () => undefined,
  relay: async () => false,
  endRelay: async () => undefined,
  keeper: undefined,
};
