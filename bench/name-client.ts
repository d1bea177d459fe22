/** A client that looks up names in a container, as fast as it is told; see name-probe.ts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Host } from './lab.js';
import type { Lookup, Request } from './name-probe.js';

const PROBE = fileURLToPath(new URL('name-probe.js', import.meta.url));

/** Longer than the probe waits for an answer. */
const LAST_ANSWER_MS = 1_200;

export class NameClient implements Disposable {
  readonly #probe: ChildProcess;
  #lookups: Lookup[] = [];

  private constructor(namespace: string) {
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
    this.#probe = spawn('nsenter', [`--net=${namespace}`, process.execPath, PROBE], { stdio: [...stdio] });
    this.#probe.on('message', (lookup: Lookup) => this.#lookups.push(lookup));
  }

  static async start(host: Host, container: string): Promise<NameClient> {
    return new NameClient(await host.namespaceOf(container));
  }

  /** Forgets what it found before. */
  ask(names: readonly string[], everyMs: number): void {
    this.#lookups = [];
    this.#probe.send({ names, everyMs } satisfies Request);
  }

  /** All that was found since `ask`. */
  async stop(): Promise<readonly Lookup[]> {
    this.#probe.send({ names: [], everyMs: 0 } satisfies Request);
    await sleep(LAST_ANSWER_MS);
    return this.#lookups;
  }

  /** The first look-up with that outcome that left at `sinceMs` or later; undefined when there is none in time. */
  async first(outcome: Lookup['outcome'], sinceMs: number, withinMs: number): Promise<Lookup | undefined> {
    for (let waited = 0; ; waited += 10) {
      const found = this.#lookups.find((each) => each.outcome === outcome && each.sentAt >= sinceMs);
      if (found || waited >= withinMs) return found;
      await sleep(10);
    }
  }

  [Symbol.dispose](): void {
    this.#probe.kill('SIGKILL');
  }
}
