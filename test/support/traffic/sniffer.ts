import type { Netns } from '../kernel/netns.js';
import { eventually } from '../time/eventually.js';

/** Packets on an interface from now on, as tcpdump prints them (the inner packet of VXLAN too). */
export class Sniffer implements AsyncDisposable {
  private constructor(private readonly process: { output: () => string; stop: () => Promise<void> }) {}

  /** Resolves when tcpdump listens. */
  static async start(netns: Netns, device: string, filter = ''): Promise<Sniffer> {
    const words = filter === '' ? [] : filter.split(' ');
    const tcpdump = netns.start('tcpdump', '-n', '-e', '-l', '--immediate-mode', '-i', device, ...words);
    await eventually(`tcpdump listens: ${tcpdump.output()}`, () => tcpdump.output().includes('listening on'));
    return new Sniffer(tcpdump);
  }

  /** Whether `pattern` was seen by now. */
  saw(pattern: RegExp): boolean {
    return pattern.test(this.process.output());
  }

  /** Waits until it was seen. */
  async sees(pattern: RegExp): Promise<void> {
    await eventually(`${pattern} in ${this.process.output()}`, () => this.saw(pattern));
  }

  /** Number of packets seen, once tcpdump has ended. */
  async count(): Promise<number> {
    await this.process.stop();
    return Number(/(\d+) packets? captured/.exec(this.process.output())?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop();
  }
}
