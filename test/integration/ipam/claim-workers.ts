/** Starts claim-worker.mjs many times and gathers what the processes say. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bareEnvironment } from '../../support/runs/made.js';

const WORKER = join(dirname(fileURLToPath(import.meta.url)), 'claim-worker.mjs');

export interface WorkerSettings {
  /** Directory of the compiled sources. */
  readonly sources: string;
  readonly url: string;
  readonly host: string;
  readonly subnet: string;
  readonly claims: number;
  readonly holdsAtMost: number;
  readonly budgetMs: number;
  readonly timeouts: Record<string, number>;
}

/** That a host held an address, in ns of the machine's monotonic clock. */
export interface Holding {
  readonly address: string;
  readonly host: string;
  readonly from: bigint;
  readonly to: bigint;
}

export interface Figures {
  readonly claims: number;
  readonly failures: number;
  readonly refusals: number;
  readonly claimMs: number;
  readonly longestMs: number;
  readonly seconds: number;
}

export class ClaimWorkers implements AsyncDisposable {
  readonly holdings: Holding[] = [];
  readonly figures: Figures[] = [];
  readonly #settings: readonly WorkerSettings[];
  readonly #children: ChildProcess[] = [];

  constructor(settings: readonly WorkerSettings[]) {
    this.#settings = settings;
  }

  /** Resolves when all have claimed, released and ended well. */
  async run(): Promise<void> {
    const workers = this.#settings.map((settings) => this.#start(settings));
    const ended = Promise.all(workers.map(({ end }) => end));
    await Promise.race([Promise.all(workers.map(({ ready }) => ready)), ended]);
    for (const child of this.#children) child.stdin?.write('go\n');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
  }

  #start(settings: WorkerSettings): { ready: Promise<void>; end: Promise<void> } {
    const child = spawn(process.execPath, [WORKER, JSON.stringify(settings)], {
      env: bareEnvironment(),
    });
    this.#children.push(child);
    let complaint = '';
    child.stderr.on('data', (text: Buffer) => {
      complaint = `${complaint}${text}`.slice(-2000);
    });
    const lines = createInterface(child.stdout);
    const ready = new Promise<void>((resolve) => {
      lines.on('line', (line) => {
        if (line === '"ready"') resolve();
        else this.#take(settings.host, JSON.parse(line));
      });
    });
    const end = Promise.all([once(child, 'exit'), once(lines, 'close')]).then(([[code]]) => {
      if (code !== 0) throw new Error(`worker ${settings.host} ended with ${code}: ${complaint}`);
    });
    return { ready, end };
  }

  #take(host: string, said: [string, string, string] | Figures): void {
    if (!Array.isArray(said)) this.figures.push(said);
    else this.holdings.push({ address: said[0], host, from: BigInt(said[1]), to: BigInt(said[2]) });
  }
}

/** Pairs of holdings of one address that overlap in time. */
export function findOverlaps(holdings: readonly Holding[]): [Holding, Holding][] {
  const inOrder = [...holdings].sort((one, other) => (one.from < other.from ? -1 : 1));
  const latest = new Map<string, Holding>();
  return inOrder.flatMap((holding) => {
    const before = latest.get(holding.address);
    if (!before || holding.to > before.to) latest.set(holding.address, holding);
    return before && before.to > holding.from ? [[before, holding] as [Holding, Holding]] : [];
  });
}

/** All figures of a run as one. */
export function summarise(figures: readonly Figures[]) {
  const sum = (of: (one: Figures) => number) => figures.reduce((total, one) => total + of(one), 0);
  const claims = sum(({ claims }) => claims);
  const seconds = Math.max(...figures.map((one) => one.seconds));
  return {
    processes: figures.length,
    claims,
    claimsPerSecond: Math.round(claims / seconds),
    meanMs: Number((sum(({ claimMs }) => claimMs) / claims).toFixed(2)),
    longestMs: Math.round(Math.max(...figures.map(({ longestMs }) => longestMs))),
    refusalsPerClaim: Number((sum(({ refusals }) => refusals) / claims).toFixed(3)),
    failures: sum(({ failures }) => failures),
  };
}
