/**
 * src/keeper: the parent half of `xnet serve`. It starts the daemon, starts it again when it dies, and holds
 * duplicates of the sockets that must not close meanwhile, so that what is sent to them waits instead of being
 * refused. Docker's calls it carries to the daemon, so that the next one gets those that were under way.
 *
 * Nothing else is in this folder: no setting, no library but koffi, nothing of networks. So the keeper stays small, has no
 * reason to die, and outlives upgrades of the daemon. What runs in the daemon is in client/.
 *
 * Signals: SIGTERM and SIGINT stop daemon and keeper; SIGHUP and SIGUSR2 put the version on disk in the daemon's
 * place, with the sockets held over the change, once a check by that version (`--check`) has passed.
 */
import { setFlagsFromString } from 'node:v8';
import { errorMessage } from '../errors.js';
import type * as Processes from '../native/processes.js';
import { CallRelays } from './call-relays.js';
import { DaemonProcess } from './daemon-process.js';
import { HeldDescriptors } from './held-descriptors.js';
import type { KeeperState } from './messages.js';
import { type DaemonEnd, diedQuickly, formatEnd, type Order, planNext } from './plan-next.js';
import { PLUGIN_KEY, parseGivenSockets, withoutGivenSockets } from './socket-activation.js';
import { UpgradeCheck } from './upgrade-check.js';

export interface KeeperOptions {
  /** Program and arguments of the daemon; looked up on disk at each start. */
  readonly command: readonly string[];
  /** The process's own: the daemon's, and where a supervisor names the sockets that it hands over. */
  readonly environment: NodeJS.ProcessEnv;
  /**
   * Path of the socket that Docker calls, to be open before the daemon starts: of a managed plugin it expects that within
   * half a second, and a daemon may take longer.
   */
  readonly listenFirst?: string | undefined;
  /** How long an ordered stop of the daemon may take before it is killed; default 30 s. */
  readonly stopTimeoutMs?: number;
}

/** Runs until the daemon has stopped for good (planNext says when) and resolves with the exit code. */
export async function runKeeper(options: KeeperOptions): Promise<number> {
  // Nothing here runs often enough to be worth compiled code.
  setFlagsFromString('--optimize-for-size');
  const keeper = new Keeper(options);
  return keeper.run();
}

class Keeper {
  readonly #held: HeldDescriptors;
  readonly #relays = new CallRelays();
  #order: Order = 'run';
  #daemon: DaemonProcess | undefined;
  #check: UpgradeCheck | undefined;
  /** An upgrade was asked for once more while a check was under way: the version on disk may be another by now. */
  #askedAgain = false;
  #killTimer: NodeJS.Timeout | undefined;
  #endPause: () => void = () => undefined;
  #processes: Promise<typeof Processes> | undefined;
  #state: KeeperState = { pid: process.pid, deaths: 0 };
  #quickDeaths = 0;

  constructor(private readonly options: KeeperOptions) {
    this.#held = new HeldDescriptors(parseGivenSockets(options.environment, process.pid));
  }

  async run(): Promise<number> {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#take('stop'));
    for (const signal of ['SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => this.#take('upgrade'));
    process.on('SIGCHLD', () => this.#reap());
    await this.#listenFirst();
    for (;;) {
      if (this.#order === 'stop') return 0;
      this.#order = 'run';
      const { end, isQuick } = await this.#runDaemon();
      const order = this.#order as Order;
      this.#count(end, order, isQuick);
      const holding = this.#held.list().length > 0;
      const next = planNext({ end, order, holding, quickDeaths: this.#quickDeaths });
      if ('exitCode' in next) return next.exitCode;
      if (order === 'run') report(`the daemon ${formatEnd(end)}; it is started again`, next.startAfterMs);
      if (order === 'upgrade') this.#order = 'run';
      await this.#pause(next.startAfterMs);
    }
  }

  /** A failure is the daemon's to report: it opens the socket, too. */
  async #listenFirst(): Promise<void> {
    const { listenFirst: path } = this.options;
    if (!path || this.#held.list().some(({ key }) => key === PLUGIN_KEY)) return;
    try {
      const { makeSocket } = await import('./make-socket.js');
      const fd = await makeSocket(path);
      this.#held.hold(PLUGIN_KEY, () => fd);
    } catch (error: unknown) {
      report(errorMessage(error));
    }
  }

  async #runDaemon(): Promise<{ readonly end: DaemonEnd; readonly isQuick: boolean }> {
    const startedAt = performance.now();
    const { refusedUpgrade: _, ...state } = this.#state;
    this.#state = state;
    const daemon = new DaemonProcess({
      command: this.options.command,
      environment: withoutGivenSockets(this.options.environment),
      held: this.#held,
      relays: this.#relays,
      processes: this.#loadProcesses(),
      state: () => this.#state,
    });
    this.#daemon = daemon;
    const end = await daemon.ended;
    this.#daemon = undefined;
    clearTimeout(this.#killTimer);
    this.#killTimer = undefined;
    return { end, isQuick: diedQuickly(daemon.servedMs, performance.now() - startedAt) };
  }

  /** Follows a signal. A stop wins over an upgrade under way; a repeated signal is done once. */
  #take(order: 'stop' | 'upgrade'): void {
    if (this.#order === 'stop' || this.#order === order) return;
    if (order === 'upgrade' && this.#daemon) void this.#checkUpgrade();
    else this.#follow(order);
  }

  /** The daemon that runs is worth more than one that cannot start. */
  async #checkUpgrade(): Promise<void> {
    this.#askedAgain = this.#check !== undefined;
    if (this.#askedAgain) return;
    this.#check = new UpgradeCheck(this.options.command, withoutGivenSockets(this.options.environment));
    const refusal = await this.#check.refusal;
    this.#check = undefined;
    if (this.#order !== 'run') return;
    if (this.#askedAgain) return this.#checkUpgrade();
    if (refusal === undefined) return this.#follow('upgrade');
    report(`the upgrade is refused, and the daemon that runs goes on: ${refusal}`);
    this.#state = { ...this.#state, refusedUpgrade: { reason: refusal, at: new Date().toISOString() } };
    this.#daemon?.sendState();
  }

  #follow(order: 'stop' | 'upgrade'): void {
    this.#order = order;
    this.#check?.stop();
    this.#endPause();
    if (!this.#daemon) return;
    this.#daemon.stop(order);
    this.#killTimer ??= setTimeout(() => {
      report('the daemon does not stop; it is killed');
      this.#daemon?.kill();
    }, this.options.stopTimeoutMs ?? 30_000);
  }

  #count(end: DaemonEnd, order: Order, isQuick: boolean): void {
    if (order !== 'run') {
      this.#quickDeaths = 0;
      return;
    }
    this.#quickDeaths = isQuick ? this.#quickDeaths + 1 : 0;
    this.#state = { ...this.#state, deaths: this.#state.deaths + 1, lastDeath: formatEnd(end) };
  }

  /** Ends early when a signal comes. */
  async #pause(ms: number): Promise<void> {
    if (ms === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #reap(): void {
    this.#processes?.then(({ reapOrphans }) => reapOrphans([this.#daemon?.pid, this.#check?.pid]), ignore);
  }

  /** At the first start: later an upgrade may have taken the files of this version away. */
  #loadProcesses(): Promise<typeof Processes> {
    this.#processes ??= import('../native/processes.js');
    // The daemon gets the reason when it asks for something.
    this.#processes.catch(ignore);
    return this.#processes;
  }
}

function ignore(): void {}

function report(message: string, afterMs = 0): void {
  process.stderr.write(`xnet keeper: ${message}${afterMs > 0 ? ` after ${afterMs} ms` : ''}\n`);
}
