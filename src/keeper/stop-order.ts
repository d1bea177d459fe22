/** What the daemon is told about its end: by signals, and by its keeper. */
import type { KeeperEvents } from './held-sockets.js';

/** `stop`: no daemon follows. `handover`: the next one goes on with what this one leaves in place. */
export type StopReason = 'stop' | 'handover';

/**
 * Listens from its creation to the end of the process: with no listener left a second signal would end the
 * process in the midst. SIGTERM and SIGINT are a stop; so is one that comes while an upgrade is under way.
 *
 * A lost keeper means a hand-over, whatever else is said: its supervisor starts another xnet, which must find
 * the sockets' paths free, and may be listening on them while this daemon still answers its last calls.
 */
export class StopOrder implements KeeperEvents {
  /** Resolves with what was said first: a signal, `upgrade` or `keeper lost`. */
  readonly given: Promise<string>;
  #resolve: (what: string) => void = () => undefined;
  #reason: StopReason = 'handover';
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

  /** As of now: `stop` may still come after `handover`. */
  get reason(): StopReason {
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
