/** src/cli/capture: `xnet capture`: packets of several hosts in their order, as a file or as lines. Not in here: the capturing. */

import { CAPTURE_BOUNDS, type CaptureItem } from '../../admin/capture-answer.js';
import { STREAMS } from '../../admin/operations.js';
import { sleep } from '../../concurrency/deadline.js';
import { merge } from '../../concurrency/merge.js';
import { XnetError } from '../../errors.js';
import { followDaemon } from '../ask/ask-daemon.js';
import { pathWith } from '../ask/call-path.js';
import type { AskOptions } from '../output/print-answer.js';
import { CaptureRun } from './capture-run.js';
import { compileFilter } from './compile-filter.js';
import { FileOutput, type Output, STANDARD_OUTPUT } from './output.js';
import { lineSink, objectSink, type PacketSink, pcapngSink } from './packet-sinks.js';

export interface CaptureOptions extends Omit<AskOptions, 'watch'> {
  readonly on?: readonly string[];
  readonly filter?: string;
  readonly count?: number;
  readonly seconds?: number;
  readonly snap?: number;
  /** A file; `-`: standard output. */
  readonly write?: string;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const TICK_MS = 50;

/** `xnet capture`: until a limit is reached, or Ctrl-C. */
export async function printCapture(of: string, options: CaptureOptions): Promise<void> {
  const { filter, count = CAPTURE_BOUNDS.count.default, adminSocket } = options;
  const program = filter === undefined ? undefined : await compileFilter(filter);
  const output = outputOf(options.write);
  const run = new CaptureRun(sinkOf(output, of, options), count);
  try {
    using stop = new StopOrder(() => run.windowMs);
    await follow(run, adminSocket, pathOf(of, options, program), stop.signal);
  } finally {
    await run.end();
    await output.close();
  }
  process.stderr.write(run.summary());
  if (run.hasRefusals) process.exitCode = 1;
}

/** Ctrl-C, after which what is on its way may still come; a second one does not wait. */
class StopOrder implements Disposable {
  readonly #stop = new AbortController();
  #isOrdered = false;

  constructor(private readonly patienceMs: () => number) {
    for (const signal of SIGNALS) process.on(signal, this.#order);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  readonly #order = () => {
    const patience = this.#isOrdered ? 0 : this.patienceMs();
    this.#isOrdered = true;
    void sleep(patience, this.signal).then(() => this.#stop.abort());
  };

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#order);
    this.#stop.abort();
  }
}

/** Throws as `followDaemon`. */
async function follow(run: CaptureRun, socket: string, path: string, stop: AbortSignal): Promise<void> {
  try {
    const sources = [(signal: AbortSignal) => followDaemon(socket, path, signal), ticks];
    for await (const item of merge<object>(stop, sources)) {
      if (!('kind' in item)) await run.writeDue();
      else if ((item as CaptureItem).kind === 'end') return;
      else await run.take(item as CaptureItem);
      if (run.isFull) return;
    }
  } catch (error: unknown) {
    if (!stop.aborted) throw error;
  }
}

async function* ticks(signal: AbortSignal): AsyncGenerator<object> {
  for (; !signal.aborted; await sleep(TICK_MS, signal)) yield {};
}

function pathOf(
  of: string,
  { on, count, seconds, snap }: CaptureOptions,
  program: string | undefined,
): string {
  if (of === '') throw new XnetError('INVALID', 'a name or id is empty; give one that is not');
  const numbers = Object.entries({ count, seconds, snap }).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, `${value}`]],
  );
  return pathWith(STREAMS.capture.path, {
    ...{ of, on: on?.join(','), program },
    ...Object.fromEntries(numbers),
  });
}

function outputOf(path: string | undefined): Output {
  if (path === '-' && process.stdout.isTTY)
    throw new XnetError(
      'INVALID',
      '-w - writes a file that no terminal can show; give a file, or a pipe: xnet capture shop -w - | wireshark -k -i -',
    );
  return path === undefined || path === '-' ? STANDARD_OUTPUT : new FileOutput(path);
}

function sinkOf(
  output: Output,
  of: string,
  { write, filter, json, output: format }: CaptureOptions,
): PacketSink {
  const shown = format ?? (json ? 'json' : 'table');
  if (write !== undefined) return pcapngSink(output, commandOf(of, filter), filter);
  return shown === 'table' ? lineSink(output) : objectSink(output, shown);
}

function commandOf(of: string, filter: string | undefined): string {
  return `xnet capture ${of}${filter === undefined ? '' : ` --filter '${filter}'`}`;
}
