/** Network namespaces for tests: made fresh, gone with `await using`, their processes with them. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { run } from '../programs/command.js';
import { willMakeNamespace } from '../runs/made.js';

const TIMEOUT = { timeoutMs: 20_000 };

export class Netns implements AsyncDisposable {
  readonly #running = new Set<{ stop: () => Promise<void> }>();

  private constructor(readonly name: string) {}

  /** A namespace of its own with lo up. */
  static async create(label: string): Promise<Netns> {
    const netns = new Netns(`t-${label}-${randomBytes(3).toString('hex')}`);
    willMakeNamespace(netns.name);
    await run(['ip', 'netns', 'add', netns.name], TIMEOUT);
    await netns.ip('link set lo up');
    return netns;
  }

  /** The namespace named `name`, made by others and left to them. */
  static of(name: string): Netns {
    return new Netns(name);
  }

  /** Runs one `ip` command here; words are split at spaces. */
  ip(words: string): Promise<string> {
    return run(['ip', '-n', this.name, ...words.split(' ')], TIMEOUT);
  }

  bridge(words: string): Promise<string> {
    return run(['bridge', '-n', this.name, ...words.split(' ')], TIMEOUT);
  }

  exec(program: string, ...args: string[]): Promise<string> {
    return run(['ip', 'netns', 'exec', this.name, program, ...args], TIMEOUT);
  }

  /** True when the command succeeded. */
  async succeeds(program: string, ...args: string[]): Promise<boolean> {
    return this.exec(program, ...args).then(
      () => true,
      () => false,
    );
  }

  /**
   * True when `address` answers one of the pings sent each second, with `options` of ping, within `seconds`.
   */
  reaches(address: string, seconds = 5, options: readonly string[] = []): Promise<boolean> {
    return this.succeeds('ping', '-n', '-c', '1', '-w', String(seconds), ...options, address);
  }

  /** Starts a program here that is ended with the namespace, with all that it starts; `output` collects what they write. */
  start(program: string, ...args: string[]): { output: () => string; stop: () => Promise<void> } {
    const child = spawn('ip', ['netns', 'exec', this.name, program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const end = (signal: 'SIGINT' | 'SIGKILL') => {
      try {
        process.kill(-(child.pid as number), signal);
      } catch {
        // They have ended.
      }
    };
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const running = {
      output: () => output,
      stop: async () => {
        end('SIGINT');
        const hard = setTimeout(() => end('SIGKILL'), 2_000);
        await closed;
        clearTimeout(hard);
        this.#running.delete(running);
      },
    };
    this.#running.add(running);
    return running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map((process) => process.stop()));
    await run(['ip', 'netns', 'del', this.name], TIMEOUT);
  }
}
