import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { errorMessage } from '../errors.js';
import type * as Processes from '../native/processes.js';
import type { CallRelays } from './call-relays.js';
import type { HeldDescriptors } from './held-descriptors.js';
import {
  findRequestId,
  type HeldEntry,
  type KeeperRequest,
  type KeeperState,
  PROTOCOL,
  parseRequest,
} from './messages.js';
import type { DaemonEnd } from './plan-next.js';

export interface DaemonOptions {
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly held: HeldDescriptors;
  readonly relays: CallRelays;
  /** Loaded while the daemon starts: it takes longer. */
  readonly processes: Promise<typeof Processes>;
  /** As of now. */
  readonly state: () => KeeperState;
}

/**
 * One daemon, from its start to its end, and the answers to its requests. Requests are carried out in their order;
 * what a daemon asked before it ended and was not read by then is dropped, so that it cannot disturb the next.
 */
export class DaemonProcess {
  /** Resolves when it has ended; with code 127 when it could not be started. */
  readonly ended: Promise<DaemonEnd>;
  readonly #child: ChildProcess;
  #running = true;
  /** When it took over the calls; before that it only starts, however long that takes. */
  #servesSince: number | undefined;
  #pidfd: number | undefined;

  constructor(private readonly options: DaemonOptions) {
    const [program = '', ...args] = options.command;
    this.#child = spawn(program, args, {
      env: options.environment,
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (message) => void this.#receive(message));
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve(this.#finish({ code, signal })));
      this.#child.on('error', (error) => {
        // Also emitted when a message cannot be sent to a process that has just ended.
        if (this.#child.pid === undefined) resolve(this.#finish({ code: 127, signal: null }, error));
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** For how long it has answered calls, in ms. */
  get servedMs(): number {
    return this.#servesSince === undefined ? 0 : performance.now() - this.#servesSince;
  }

  /** Asks it to stop in order: for good, or so that the next one can take over. */
  stop(order: 'stop' | 'upgrade'): void {
    if (order === 'upgrade' && this.#child.connected) this.#send({ event: 'upgrade' });
    else this.#child.kill('SIGTERM');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Unasked: something that `xnet status` shows has changed. */
  sendState(): void {
    this.#send({ event: 'keeper', keeper: this.options.state() });
  }

  /** Never rejects. */
  async #receive(message: unknown): Promise<void> {
    try {
      const processes = await this.options.processes;
      if (!this.#running) return;
      const request = parseRequest(message);
      const held = await this.#carryOut(request, processes);
      this.#send({ id: request.id, held, keeper: this.options.state() });
    } catch (error: unknown) {
      const id = findRequestId(message);
      if (id !== undefined && this.#running) this.#send({ id, failure: errorMessage(error) });
    }
  }

  /** Returns the entries that the daemon must learn of. */
  #carryOut(request: KeeperRequest, processes: typeof Processes): HeldEntry[] | Promise<HeldEntry[]> {
    const { held, relays } = this.options;
    if (request.op === 'list') return held.list();
    if (request.op === 'hold') {
      return [held.hold(request.key, () => processes.duplicateFrom(this.#openOnce(processes), request.fd))];
    }
    if (request.op === 'end-relay') return relays.end(request.key).then(() => []);
    if (request.op === 'relay') {
      const entry = held.get(request.key);
      relays.start(entry, request.to, () => duplicateOwn(processes, entry.fd));
      this.#servesSince ??= performance.now();
    } else held.release(request.key);
    return [];
  }

  /** Before its event `exit` the process is not reaped, so its number is still its own. */
  #openOnce({ openPidfd }: typeof Processes): number {
    this.#pidfd ??= openPidfd(this.#child.pid as number);
    return this.#pidfd;
  }

  #send(message: object): void {
    // A daemon that is gone needs no answer; the event `exit` is its end.
    if (this.#child.connected) this.#child.send({ xnet: PROTOCOL, ...message }, () => undefined);
  }

  #finish(end: DaemonEnd, error?: Error): DaemonEnd {
    this.#running = false;
    if (error) process.stderr.write(`xnet keeper: the daemon cannot be started: ${error.message}\n`);
    if (this.#pidfd !== undefined) closeSync(this.#pidfd);
    this.#pidfd = undefined;
    return end;
  }
}

function duplicateOwn({ openPidfd, duplicateFrom }: typeof Processes, fd: number): number {
  const own = openPidfd(process.pid);
  try {
    return duplicateFrom(own, fd);
  } finally {
    closeSync(own);
  }
}
