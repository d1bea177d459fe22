/** When a change has reached a host: its kernel's forwarding entries, and the answers to its containers' look-ups. */
import { type ChildProcess, spawn } from 'node:child_process';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Lookups } from '../../../test/support/dns/lookups.js';
import { run } from '../../../test/support/programs/command.js';

const APPEAR_MS = 30_000;
const PAUSE_MS = 2;
/** Between two looks at the entry itself: the kernel drops events that `bridge` does not read in time. */
const LOOK_MS = 500;

/**
 * Forwarding entries of the network whose namespace is at `path`, as they come. Events go to a file, since `bridge` loses those
 * that come while it waits for a reader.
 */
export class EntryWatch implements AsyncDisposable {
  readonly #monitor: ChildProcess;
  /** When entries appeared: times of the machine's clock, in ms. */
  readonly #added = new Map<string, number[]>();
  #rest = '';
  /** Of the next event. */
  #at = 0;

  private constructor(
    private readonly path: string,
    private readonly events: FileHandle,
    private readonly directory: string,
    output: FileHandle,
  ) {
    const command = [`--net=${path}`, 'stdbuf', '-oL', 'bridge', '-timestamp', 'monitor', 'fdb'];
    this.#monitor = spawn('nsenter', command, { stdio: ['ignore', output.fd, 'ignore'] });
  }

  static async start(path: string): Promise<EntryWatch> {
    const directory = await mkdtemp(join(tmpdir(), 'xnet-rig-entries-'));
    const output = await open(join(directory, 'events'), 'a');
    // Opened once more, since what is written moves the place at which the same opening would read.
    const watch = new EntryWatch(path, await open(join(directory, 'events')), directory, output);
    await output.close();
    return watch;
  }

  /** When the entry appeared, since a time of the machine's clock. Rejects when it does not. */
  async addedAt(mac: string, since: number): Promise<number> {
    const begunMs = performance.now();
    for (let lookMs = LOOK_MS; ; ) {
      await this.#read();
      const at = this.#added.get(mac)?.find((each) => each >= since);
      if (at !== undefined) return at;
      const waitedMs = performance.now() - begunMs;
      if (waitedMs > APPEAR_MS) throw new Error(`no forwarding entry for ${mac} in ${APPEAR_MS} ms`);
      if (waitedMs > lookMs) {
        if ((await tunnelsOf(this.path)).has(mac)) return Date.now();
        lookMs += LOOK_MS;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#monitor.kill('SIGKILL');
    await this.events.close();
    await rm(this.directory, { recursive: true });
  }

  /** What has come since it was last read. */
  async #read(): Promise<void> {
    const lines = `${this.#rest}${await this.events.readFile('utf8')}`.split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, second, us] = /^Timestamp: (.+) (\d+) usec$/.exec(line) ?? [];
      if (second) this.#at = Date.parse(second) + Number(us) / 1000;
      const mac = /^([0-9a-f:]{17}) dev vxlan0 dst /.exec(line)?.[1];
      if (mac) this.#added.set(mac, [...(this.#added.get(mac) ?? []), this.#at]);
    }
  }
}

export interface Answered {
  /** By the machine's clock. */
  readonly at: number;
  /** How long each look-up until then took. */
  readonly lookupMs: readonly number[];
}

/** Looks `name` up in the container's namespace until the answer has the address. Rejects when it never has. */
export async function answeredWith(namespacePath: string, name: string, address: string): Promise<Answered> {
  const lookups = Lookups.at('container', namespacePath);
  const lookupMs: number[] = [];
  const end = performance.now() + APPEAR_MS;
  for (;;) {
    const askedMs = performance.now();
    const answer = await lookups.ask(name);
    const atMs = performance.now();
    lookupMs.push(atMs - askedMs);
    if (answer?.includes(address)) return { at: Date.now(), lookupMs };
    if (atMs > end)
      throw new Error(`${name} is not answered with ${address} in ${APPEAR_MS} ms, but with ${answer}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** MACs for which the kernel has a tunnel, in the network whose namespace is at `path`. */
export async function tunnelsOf(path: string): Promise<ReadonlySet<string>> {
  const entries = await run(['nsenter', `--net=${path}`, 'bridge', 'fdb', 'show', 'dev', 'vxlan0']);
  const remote = [...entries.matchAll(/^([0-9a-f:]{17}) dst /gm)].map(([, mac = '']) => mac);
  return new Set(remote.filter((mac) => mac !== '00:00:00:00:00:00'));
}
