import { connectKeeper, type KeeperConnection, type KeeperEvents } from './connection.js';
import { type KeeperClient, NOTHING_HELD } from './held-sockets.js';

/**
 * The connection of this process to its keeper. It can be made once only, and outlives a daemon that cannot start:
 * refusal.ts, in the daemon's place, goes on with the sockets that are held.
 */
export class KeeperLink implements AsyncDisposable {
  #order: StopOrder | undefined;
  #connection: Promise<KeeperConnection | undefined> | undefined;

  /** From the first use on, signals end the process by this order alone. */
  get order(): StopOrder {
    this.#order ??= new StopOrder();
    return this.#order;
  }

  /** The same to all callers. Rejects when there is a keeper that does not answer. */
  async connect(): Promise<KeeperClient> {
    this.#connection ??= connectKeeper(this.order);
    return (await this.#connection) ?? NOTHING_HELD;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    connection?.[Symbol.dispose]();
  }
}

/**
 * The order to stop, by a signal or by the keeper. Listens from its creation to the end of the process: with no listener
 * left a second signal would end the process at once. SIGTERM and SIGINT are a stop, also while an upgrade is under way.
 *
 * A lost keeper means a hand-over, whatever else comes: its supervisor starts another xnet, which must find
 * the sockets' paths free, and may be listening on them while this daemon still answers its last calls.
 */
export class StopOrder implements KeeperEvents {
  /** Resolves with what came first: a signal, `upgrade` or `keeper lost`. */
  readonly given: Promise<string>;
  #resolve: (what: string) => void = () => undefined;
  #reason: 'stop' | 'handover' = 'handover';
  #keeperLost = false;

  constructor(signals: Pick<NodeJS.Process, 'on'> = process) {
    this.given = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) signals.on(signal, () => this.#stop(signal));
    // The keeper's signals, when they are sent to the whole process group: it passes on what they mean.
    for (const signal of ['SIGHUP', 'SIGUSR2'] as const) signals.on(signal, () => undefined);
  }

  /** What the keeper held is gone: nothing waits for the next daemon. */
  get keeperLost(): boolean {
    return this.#keeperLost;
  }

  /**
   * `stop`: no daemon follows. `handover`: the next one goes on with what this one leaves in place. As of now: `stop` may
   * still come after `handover`.
   */
  get reason(): 'stop' | 'handover' {
    return this.#keeperLost ? 'handover' : this.#reason;
  }

  onUpgrade(): void {
    this.#resolve('upgrade');
  }

  onKeeperLost(): void {
    this.#keeperLost = true;
    this.#resolve('keeper lost');
  }

  #stop(signal: string): void {
    this.#reason = 'stop';
    this.#resolve(signal);
  }
}
