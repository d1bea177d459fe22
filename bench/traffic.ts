/** Sections throughput, latency and packets: what crosses between a container here and one on the other host. */
import { CONTESTANTS, type Contestant, clientOf, type World } from './contestants.js';
import { compare, type Figure, type Goal } from './figures.js';
import { alternate } from './rounds.js';

/** One TCP connection, as it comes, in Gbit/s at the receiver. */
export async function measureThroughput(world: World, rounds: number): Promise<Figure[]> {
  const samples = await alternate(rounds, CONTESTANTS, async (contestant) => {
    const { end } = await iperf(world, contestant, '-t', '1.5');
    return end.sum_received.bits_per_second / 1e9;
  });
  return against(samples, 'TCP throughput', ' Gbit/s', { atLeast: 0.98 });
}

/**
 * A flood of pings, each sent when the last is answered: one packet there and back, and the pinging program's own
 * work. ping's own round-trip times have no more than microseconds, so the whole flood is timed.
 */
export async function measureLatency(world: World, rounds: number): Promise<Figure[]> {
  const count = 10_000;
  const samples = await alternate(rounds, CONTESTANTS, async (contestant) => {
    const output = await inClient(
      world,
      contestant,
      'ping',
      '-f',
      '-q',
      '-c',
      `${count}`,
      world.servers[contestant],
    );
    const [, received, totalMs] = /, (\d+) received.* time (\d+)ms/.exec(output) ?? [];
    if (Number(received) < count * 0.99) throw new Error(`pings were lost on ${contestant}: ${output}`);
    return (Number(totalMs) * 1000) / count;
  });
  return against(samples, 'ping-pong (flood of pings, one at a time)', ' us', { atMost: 1.02 });
}

/** UDP packets of 64 bytes as fast as the sender can, in thousands that arrive a second. */
export async function measurePackets(world: World, rounds: number): Promise<Figure[]> {
  const samples = await alternate(rounds, CONTESTANTS, async (contestant) => {
    const { end } = await iperf(world, contestant, '-t', '1.5', '-u', '-b', '0', '-l', '64');
    const { packets, lost_packets: lost, seconds } = end.sum;
    return (packets - lost) / seconds / 1000;
  });
  return against(samples, 'UDP packets of 64 bytes', ' k/s');
}

interface IperfReport {
  readonly end: {
    readonly sum_received: { readonly bits_per_second: number };
    readonly sum: { readonly packets: number; readonly lost_packets: number; readonly seconds: number };
  };
}

async function iperf(world: World, contestant: Contestant, ...args: string[]): Promise<IperfReport> {
  return JSON.parse(
    await inClient(world, contestant, 'iperf3', '-J', '-c', world.servers[contestant], ...args),
  );
}

function inClient({ h1 }: World, contestant: Contestant, ...command: string[]): Promise<string> {
  return h1.docker('exec', clientOf(contestant), ...command);
}

/** The goal is for the comparison with the swarm overlay. */
function against(samples: Record<Contestant, number[]>, what: string, unit: string, goal?: Goal): Figure[] {
  const figure = (us: Contestant, opponent: Contestant, wanted?: Goal) =>
    compare({
      ...{ what: us === 'xnet' ? what : `${what}: ${us}`, unit, opponent },
      ...{ ours: samples[us], theirs: samples[opponent], ...(wanted && { goal: wanted }) },
    });
  return [figure('xnet', 'swarm overlay', goal), figure('xnet', 'bare underlay')];
}
