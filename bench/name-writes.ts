/** Counts the writes with which names are published: seen by a watch of etcd's own client. */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from './lab.js';

const APPEAR_MS = 3_000;

export class NameWrites implements Disposable {
  readonly #watch: ChildProcess;
  /** Container name -> writes of its endpoint's record that had names; each is a transaction of its own. */
  readonly #counts = new Map<string, number>();
  #rest = '';

  constructor(etcd: Host) {
    this.#watch = etcd.spawn('etcdctl', 'watch', '--prefix', '/xnet/endpoints/');
    this.#watch.stdout?.on('data', (data: Buffer) => this.#read(data.toString()));
  }

  /** Resolves when the container's names are in etcd, or are not in time. */
  async published(container: string): Promise<void> {
    for (let waited = 0; waited < APPEAR_MS && this.count(container) === 0; waited += 5) await sleep(5);
  }

  count(container: string): number {
    return this.#counts.get(container) ?? 0;
  }

  forget(container: string): void {
    this.#counts.delete(container);
  }

  [Symbol.dispose](): void {
    this.#watch.kill('SIGKILL');
  }

  /** An event is three lines: what was done, the key, the value. */
  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines.filter((each) => each.startsWith('{'))) {
      const container: string | undefined = JSON.parse(line).names?.container;
      if (container !== undefined) this.#counts.set(container, this.count(container) + 1);
    }
  }
}
