/** The connection of a daemon to the keeper that started it, over Node's IPC channel. */
import { closeSync } from 'node:fs';
import { errorMessage, isXnetError, XnetError } from '../../errors.js';
import { duplicateFrom, openPidfd } from '../../native/processes.js';
import {
  findRequestId,
  type HeldEntry,
  type KeeperMessage,
  type KeeperState,
  PROTOCOL,
  parseKeeperMessage,
} from '../messages.js';
import type { KeeperClient } from './held-sockets.js';

/** What the daemon does when something happens to its keeper. Each is called at most once. */
export interface KeeperEvents {
  /** Stop in order, soon: the next version takes over what is held. Leave in place what it will go on with. */
  onUpgrade(): void;
  /** The keeper is dead, and with it what it held: only the descriptors of this process are left. */
  onKeeperLost(): void;
}

/** An answer takes a millisecond; a parent that is no keeper of ours never gives one. */
const ANSWER_MS = 10_000;

/** Connects to the keeper that started this process; undefined when no parent listens. Dispose it at the end. */
export async function connectKeeper(events: KeeperEvents): Promise<KeeperConnection | undefined> {
  if (!process.connected) return undefined;
  const connection = new KeeperConnection(events);
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
export class KeeperConnection implements KeeperClient, Disposable {
  readonly #waiting = new Map<number, Waiting>();
  readonly #held = new Map<string, HeldEntry>();
  #keeper: KeeperState | undefined;
  #pidfd: number | undefined;
  #requests = 0;
  #isUpgrading = false;

  constructor(private readonly events: KeeperEvents) {}

  /** Asks what is held. Called once, by connectKeeper. */
  async start(): Promise<void> {
    process.on('message', this.#receive);
    process.on('disconnect', this.#lose);
    await this.#request({ op: 'list' });
    const { ppid } = process;
    this.#pidfd = openKeeper(ppid);
    // Had the keeper died before the call, its number could be another's; its children's parent is one more.
    if (process.ppid !== ppid || this.#keeper?.pid !== ppid) {
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
    process.off('message', this.#receive);
    process.off('disconnect', this.#lose);
    if (process.connected) process.disconnect?.();
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
    const onFailure = () => this.#settle(id, keeperFailure('is gone'));
    if (!process.connected) onFailure();
    else {
      const message = { xnet: PROTOCOL, id, ...request };
      process.send?.(message, undefined, {}, (error) => error && onFailure());
    }
    await answered;
  }

  readonly #receive = (message: unknown): void => {
    const received = readKeeperMessage(message);
    if ('keeper' in received) this.#keeper = received.keeper;
    if ('failure' in received) this.#settle(received.id, new XnetError('KERNEL', received.failure));
    else if ('held' in received) {
      for (const entry of received.held) this.#held.set(entry.key, entry);
      this.#settle(received.id);
    } else if (received.event === 'upgrade' && !this.#isUpgrading) {
      this.#isUpgrading = true;
      this.events.onUpgrade();
    }
  };

  readonly #lose = (): void => {
    this.#held.clear();
    this.#rejectAll();
    this.events.onKeeperLost();
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

/** Undefined where the system lacks the call: then the keeper cannot hold anything either, and rejects with the reason. */
function openKeeper(pid: number): number | undefined {
  try {
    return openPidfd(pid);
  } catch (error: unknown) {
    if (isXnetError(error, 'UNSUPPORTED')) return undefined;
    throw error;
  }
}

/** A message that is not understood and bears no number of a request counts as none: the request times out. */
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
