/** Watches a network's FDB on a host: when did the entry for an endpoint of another host appear there? */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from './lab.js';

const APPEAR_MS = 3_000;

export class ForwardingWatch implements Disposable {
  readonly #monitor: ChildProcess;
  /** MAC -> when its entry was last added (ms of the machine's clock, which all hosts share). */
  readonly #added = new Map<string, number>();
  #rest = '';

  /** `namespace`: the network's, in /run/netns of the host. */
  constructor(host: Host, namespace: string) {
    this.#monitor = host.spawn('stdbuf', '-oL', 'bridge', '-n', namespace, 'monitor', 'fdb');
    this.#monitor.stdout?.on('data', (data: Buffer) => this.#read(data.toString(), Date.now()));
  }

  /** When the entry appeared; undefined when it did not. */
  async addedAt(mac: string): Promise<number | undefined> {
    for (let waited = 0; waited < APPEAR_MS && !this.#added.has(mac); waited += 10) await sleep(10);
    return this.#added.get(mac);
  }

  forget(mac: string): void {
    this.#added.delete(mac);
  }

  [Symbol.dispose](): void {
    this.#monitor.kill('SIGKILL');
  }

  #read(text: string, now: number): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const mac = /^(?!Deleted)([0-9a-f:]{17}) dev vxlan0 dst /.exec(line)?.[1];
      if (mac && !this.#added.has(mac)) this.#added.set(mac, now);
    }
  }
}
