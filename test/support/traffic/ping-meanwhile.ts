import type { Netns } from '../kernel/netns.js';

/** A ping every 20 ms to one address, while a test does something else. */
export interface Pings extends AsyncDisposable {
  answered(): number;
  /** Ends it; which were not answered, of those before the last that was: others may be on their way. */
  lost(): Promise<number[]>;
}

export async function pingMeanwhile(netns: Netns, address: string): Promise<Pings> {
  const ping = netns.start('ping', '-n', '-i', '0.02', address);
  const answers = () =>
    [...ping.output().matchAll(/ bytes from .*icmp_seq=(\d+)/g)].map(([, n]) => Number(n));
  return {
    answered: () => answers().length,
    lost: async () => {
      await ping.stop();
      const answered = new Set(answers());
      const all = Array.from({ length: Math.max(...answered) }, (_, index) => index + 1);
      return all.filter((number) => !answered.has(number));
    },
    [Symbol.asyncDispose]: () => ping.stop(),
  };
}
