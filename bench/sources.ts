/** Section sources: what it costs a packet that its source is looked at, by the same network with `xnet.spoof=allow`. */
import type { ContestantName } from './contestants.js';
import { compare, type Figure } from './figures.js';
import { alternate } from './rounds.js';
import { iperf } from './traffic.js';
import type { World } from './world.js';

interface Sample {
  /** Thousands a second that arrive. */
  readonly rate: number;
  /** Of the sender, whose processor also does the receiving kernel's work, in microseconds a packet. */
  readonly processorUs: number;
}

const NAMES = ['xnet', 'xnet any source'] as const satisfies readonly ContestantName[];
/**
 * The least that iperf3 can do: a fraction would be none, which is for ever. Many rounds, since what is looked for is smaller than what a
 * busy machine alters from one second to the next.
 */
const SECONDS = '1';

export async function measureSources(world: World, rounds: number): Promise<Figure[]> {
  const samples = await alternate(rounds, NAMES, (name) => packets(world, name));
  const figure = (of: keyof Sample, what: string, unit: string) => ({
    ...{ what, unit, opponent: 'xnet.spoof=allow' },
    ours: samples.xnet.map((each) => each[of]),
    theirs: samples['xnet any source'].map((each) => each[of]),
  });
  return [
    compare({
      ...figure('rate', 'UDP packets of 64 bytes, sources looked at', ' k/s'),
      goal: { atLeast: 0.97 },
    }),
    compare(figure('processorUs', "the sender's processor time for one", ' us')),
  ];
}

async function packets(world: World, name: ContestantName): Promise<Sample> {
  const { end } = await iperf(world, name, '-t', SECONDS, '-u', '-b', '0', '-l', '64');
  const { packets: sent, lost_packets: lost, seconds } = end.sum;
  return {
    rate: (sent - lost) / seconds / 1_000,
    processorUs: (end.cpu_utilization_percent.host_total / 100) * (seconds / sent) * 1e6,
  };
}
