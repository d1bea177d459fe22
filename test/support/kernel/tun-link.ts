import { eventually } from '../time/eventually.js';
import { Netns } from './netns.js';

/** Two namespaces with an interface `tun0`, which has no link headers, between them: 10.78.0.1 on `near`, 10.78.0.2 on `far`. */
export class TunLink implements AsyncDisposable {
  private constructor(
    readonly near: Netns,
    readonly far: Netns,
  ) {}

  /** Resolves when packets pass. */
  static async create(): Promise<TunLink> {
    const link = new TunLink(await Netns.create('near'), await Netns.create('far'));
    try {
      await link.#connect();
      return link;
    } catch (error: unknown) {
      await link[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.near[Symbol.asyncDispose]();
    await this.far[Symbol.asyncDispose]();
  }

  async #connect(): Promise<void> {
    const { near, far } = this;
    await near.ip(`link add eth0 type veth peer name eth0 netns ${far.name}`);
    await startTun(near, 1, 2);
    await startTun(far, 2, 1);
    await eventually('packets pass', () => near.reaches('10.78.0.2', 1));
  }
}

async function startTun(netns: Netns, n: number, other: number): Promise<void> {
  await netns.ip(`addr add 10.77.0.${n}/24 dev eth0`);
  await netns.ip('link set eth0 up');
  const tun = `TUN:10.78.0.${n}/24,tun-name=tun0,iff-no-pi,iff-up`;
  // Not connected: a packet that comes before the other end is there would end this one.
  netns.start('socat', tun, `UDP-DATAGRAM:10.77.0.${other}:9000,bind=10.77.0.${n}:9000`);
}
