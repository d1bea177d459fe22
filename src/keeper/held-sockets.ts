/** The daemon's side of the keeper: sockets that outlive it. */
import { closeSync } from 'node:fs';
import { errorMessage, isXnetError, XnetError } from '../errors.js';
import { duplicateFrom, openPidfd } from '../native/processes.js';
import {
  findRequestId,
  type HeldEntry,
  type KeeperMessage,
  type KeeperState,
  PROTOCOL,
  parseKeeperMessage,
} from './messages.js';

/**
 * Descriptors that stay open in the keeper while no daemon runs. Keys are the daemon's: 1 to 255 printable
 * characters (`plugin`, `sandbox/4f2a/udp`). A daemon that starts finds what its predecessors held, and releases
 * what it does not need any more: the predecessor may have died before it could.
 */
export interface HeldSockets {
  /** What is held now, as far as this daemon was told. */
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
  /**
   * Has the calls that come to the socket held under `key` carried to the socket at the path `to`, from now on and over
   * the ends of daemons; said again, nothing changes. False when there is no keeper to do it. Rejects with the reason
   * when it cannot be done.
   */
  relay(key: string, to: string): Promise<boolean>;
  /** Resolves when no call comes from there any more and those under way are answered. Nothing there is success. */
  endRelay(key: string): Promise<void>;
  /** How the keeper fares; undefined without one. */
  readonly keeper: KeeperState | undefined;
}

/** Without a keeper nothing is held, and nothing outlives this process. */
export const NOTHING_HELD: HeldSockets = {
  list: () => [],
  hold: async () => undefined,
  release: async () => undefined,
  take: () => undefined,
  relay: async () => false,
  endRelay: async () => undefined,
  keeper: undefined,
};

/** What the daemon does when something happens to its keeper. Each is called at most once. */
export interface KeeperEvents {
  /** Stop in order, soon: the next version takes over what is held. Leave in place what it will go on with. */
  onUpgrade(): void;
  /** The keeper is dead, and with it what it held: only the descriptors of this process are left. */
  onKeeperLost(): void;
}

/** The part of `process` that leads to the parent. */
export type ParentChannel = Pick<
  NodeJS.Process,
  'send' | 'connected' | 'disconnect' | 'on' | 'off' | 'ppid' | 'channel'
>;

/** An answer takes a millisecond; a parent that is no keeper of ours never gives one. */
const ANSWER_MS = 10_000;

/** Connects to the keeper that started this process; undefined when no parent listens. Dispose it at the end. */
export async function connectKeeper(
  events: KeeperEvents,
  parent: ParentChannel = process,
): Promise<KeeperConnection | undefined> {
  if (!parent.connected) return undefined;
  const connection = new KeeperConnection(events, parent);
  try {
    await connection.start();
    return connection;
  } catch (error: unknown) {
    connection[Symbol.dispose]();
    throw error;
  }
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Keeps the process alive until it is disposed of. */
export class KeeperConnection implements HeldSockets, Disposable {
  readonly #events: KeeperEvents;
  readonly #parent: ParentChannel;
  readonly #waiting = new Map<number, Waiting>();
  readonly #held = new Map<string, HeldEntry>();
  #keeper: KeeperState | undefined;
  #pidfd: number | undefined;
  #requests = 0;
  #told = false;

  constructor(events: KeeperEvents, parent: ParentChannel) {
    this.#events = events;
    this.#parent = parent;
  }

  /** Learns what is held. Called once, by connectKeeper. */
  async start(): Promise<void> {
    this.#parent.on('message', this.#receive);
    this.#parent.on('disconnect', this.#lose);
    await this.#request({ op: 'list' });
    const { ppid } = this.#parent;
    this.#pidfd = openKeeper(ppid);
    // Had the keeper died before the call, its number could be another's; its children's parent is one more.
    if (this.#parent.ppid !== ppid || this.#keeper?.pid !== ppid) {
      throw new XnetError('INTERNAL', `the keeper (process ${this.#keeper?.pid}) is not our parent ${ppid}`);
    }
  }

  get keeper(): KeeperState | undefined {
    return this.#keeper;
  }

  list(): readonly HeldEntry[] {
    return [...this.#held.values()];
  }

  async hold(key: string, fd: number): Promise<void> {
    await this.#request({ op: 'hold', key, fd });
  }

  async release(key: string): Promise<void> {
    this.#held.delete(key);
    await this.#request({ op: 'release', key });
    this.#held.delete(key);
  }

  async relay(key: string, to: string): Promise<boolean> {
    await this.#request({ op: 'relay', key, to });
    return true;
  }

  async endRelay(key: string): Promise<void> {
    await this.#request({ op: 'end-relay', key });
  }

  take(key: string): number | undefined {
    const entry = this.#held.get(key);
    if (!entry || this.#pidfd === undefined) return undefined;
    return duplicateFrom(this.#pidfd, entry.fd);
  }

  [Symbol.dispose](): void {
    this.#parent.off('message', this.#receive);
    this.#parent.off('disconnect', this.#lose);
    if (this.#parent.connected) this.#parent.disconnect?.();
    if (this.#pidfd !== undefined) closeSync(this.#pidfd);
    this.#pidfd = undefined;
    this.#rejectAll();
  }

  async #request(request: object): Promise<void> {
    this.#requests += 1;
    const id = this.#requests;
    const answered = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id, keeperFailure('does not answer')), ANSWER_MS);
      this.#waiting.set(id, { resolve, reject, timer });
    });
    this.#send({ xnet: PROTOCOL, id, ...request }, () => this.#settle(id, keeperFailure('is gone')));
    await answered;
  }

  #send(message: object, onFailure: () => void): void {
    if (!this.#parent.connected) onFailure();
    else this.#parent.send?.(message, undefined, {}, (error) => error && onFailure());
  }

  readonly #receive = (message: unknown): void => {
    const said = readKeeperMessage(message);
    if ('event' in said && said.event === 'keeper') {
      this.#keeper = said.keeper;
      return;
    }
    if ('event' in said) {
      if (!this.#told) this.#events.onUpgrade();
      this.#told = true;
      return;
    }
    if ('failure' in said) {
      this.#settle(said.id, new XnetError('KERNEL', said.failure));
      return;
    }
    this.#keeper = said.keeper;
    for (const entry of said.held) this.#held.set(entry.key, entry);
    this.#settle(said.id);
  };

  readonly #lose = (): void => {
    this.#held.clear();
    this.#rejectAll();
    this.#events.onKeeperLost();
  };

  #settle(id: number, failure?: Error): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (failure) waiting.reject(failure);
    else waiting.resolve();
  }

  #rejectAll(): void {
    for (const id of [...this.#waiting.keys()]) this.#settle(id, keeperFailure('is gone'));
  }
}

/** Undefined where the system lacks the call: then the keeper cannot hold anything either, and says why. */
function openKeeper(pid: number): number | undefined {
  try {
    return openPidfd(pid);
  } catch (error: unknown) {
    if (isXnetError(error, 'UNSUPPORTED')) return undefined;
    throw error;
  }
}

/** A message that is not understood and bears no number of a request is as good as none: the request times out. */
function readKeeperMessage(message: unknown): KeeperMessage {
  try {
    return parseKeeperMessage(message);
  } catch (error: unknown) {
    return { id: findRequestId(message) ?? 0, failure: errorMessage(error) };
  }
}

function keeperFailure(what: string): XnetError {
  return new XnetError('KERNEL', `the keeper ${what}; restart xnet if this goes on`);
}
