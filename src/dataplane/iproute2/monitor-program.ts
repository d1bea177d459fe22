import { execa } from 'execa';
import { sleep } from '../../concurrency/deadline.js';

const RESTART_MS = 5_000;

/** It would outlive a daemon that is killed, until the next event finds nobody to read it. */
const WITH_US = ['--pdeathsig', 'KILL'];

/** A program that reports, line by line, until it is disposed of; started again when it ends before. */
export class MonitorProgram implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(
    private readonly program: string,
    private readonly args: readonly string[],
    private readonly take: (line: string) => void,
    /** Each time it is started: what came before is not reported. */
    private readonly onStart: () => void = () => {},
  ) {
    this.#running = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#runOnce(signal);
      await sleep(RESTART_MS, signal);
    }
  }

  /** Never rejects. */
  async #runOnce(signal: AbortSignal): Promise<void> {
    const child = execa('setpriv', [...WITH_US, this.program, ...this.args], {
      ...{ reject: false, buffer: false, stdin: 'ignore', stderr: 'ignore' },
      ...{ cancelSignal: signal, killSignal: 'SIGKILL' },
    });
    this.onStart();
    for await (const line of child) this.take(line);
  }
}
