/** Sections throughput, latency and packets: what crosses between a container here and one on the other host. */
import { type ContestantName, clientOf } from './contestants.js';
import { compare, type Figure, type Goal } from './figures.js';
import { alternate } from './rounds.js';
import type { World } from './world.js';

type Section = 'throughput' | 'latency' | 'packets';

interface Pairing {
  readonly us: ContestantName;
  readonly opponent: ContestantName;
  /** For the ratio of us to the opponent. */
  readonly goals?: Readonly<Record<Section, Goal>>;
}

const PAIRINGS: readonly Pairing[] = [
  {
    ...{ us: 'xnet', opponent: 'swarm overlay' },
    goals: { throughput: { atLeast: 1.06 }, latency: { atMost: 0.88 }, packets: { atLeast: 1.15 } },
  },
  { us: 'xnet', opponent: 'bare underlay' },
  { us: 'xnet encrypted', opponent: 'xnet' },
  {
    ...{ us: 'xnet LAN', opponent: 'bare underlay' },
    goals: { throughput: { atLeast: 0.95 }, latency: { atMost: 1.05 }, packets: { atLeast: 0.95 } },
  },
  {
    ...{ us: 'xnet routed', opponent: 'swarm overlay' },
    goals: { throughput: { atLeast: 1.1 }, latency: { atMost: 0.87 }, packets: { atLeast: 1.3 } },
  },
];

/**
 * In front of a command: on one processor, before all that is not real-time. With a limit of its own, since it is in namespaces in
 * which nobody finds it when this program is ended; a flood of which nothing is answered takes minutes.
 */
const ALONE = ['timeout', '-k', '5', '30', 'taskset', '-c', '0', 'chrt', '-f', '20'];

/** One TCP connection, as it comes, in Gbit/s at the receiver. */
export function measureThroughput(world: World, rounds: number): Promise<Figure[]> {
  return race(
    world,
    rounds,
    { section: 'throughput', what: 'TCP throughput', unit: ' Gbit/s' },
    async (name) => {
      const { end } = await iperf(world, name, '-t', '1.5');
      return end.sum_received.bits_per_second / 1e9;
    },
  );
}

/**
 * A flood of pings, each sent when the last is answered: one packet there and back, and the pinging program's own
 * work. ping's own round-trip times have no more than microseconds, so the whole flood is timed. One processor does all that
 * work, also the receiver's, and at real-time priority nothing else on it: other work on the machine hardly shows.
 */
export function measureLatency(world: World, rounds: number): Promise<Figure[]> {
  const count = 10_000;
  const what = 'ping-pong (flood of pings, one at a time)';
  return race(world, rounds, { section: 'latency', what, unit: ' us' }, async (name) => {
    const ping = ['ping', '-f', '-q', '-c', `${count}`, addressOf(world, name)];
    const output = await world.h1.run('nsenter', `--net=${await sandboxOf(world, name)}`, ...ALONE, ...ping);
    const [, received, totalMs] = /, (\d+) received.* time (\d+)ms/.exec(output) ?? [];
    if (Number(received) < count * 0.99) throw new Error(`pings were lost on ${name}: ${output}`);
    return (Number(totalMs) * 1000) / count;
  });
}

/** UDP packets of 64 bytes as fast as the sender can, in thousands that arrive a second. */
export function measurePackets(world: World, rounds: number): Promise<Figure[]> {
  return race(
    world,
    rounds,
    { section: 'packets', what: 'UDP packets of 64 bytes', unit: ' k/s' },
    async (name) => {
      const { end } = await iperf(world, name, '-t', '1.5', '-u', '-b', '0', '-l', '64');
      const { packets, lost_packets: lost, seconds } = end.sum;
      return (packets - lost) / seconds / 1000;
    },
  );
}

interface Discipline {
  readonly section: Section;
  readonly what: string;
  readonly unit: string;
}

/** All contestants that have an opponent here, and that there are, in the same rounds. */
async function race(
  world: World,
  rounds: number,
  { section, what, unit }: Discipline,
  measure: (name: ContestantName) => Promise<number>,
): Promise<Figure[]> {
  const present = PAIRINGS.filter(({ us, opponent }) => world.servers.has(us) && world.servers.has(opponent));
  const names = new Set(present.flatMap(({ us, opponent }) => [us, opponent]));
  const samples = await alternate(rounds, [...names], measure);
  return present.map(({ us, opponent, goals }) =>
    compare({
      ...{ what: us === 'xnet' ? what : `${what}: ${us}`, unit, opponent },
      ...{ ours: samples[us], theirs: samples[opponent], ...(goals && { goal: goals[section] }) },
    }),
  );
}

interface IperfReport {
  readonly end: {
    readonly sum_received: { readonly bits_per_second: number };
    readonly sum: { readonly packets: number; readonly lost_packets: number; readonly seconds: number };
    /** Of one processor, as long as it ran. */
    readonly cpu_utilization_percent: { readonly host_total: number };
  };
}

export async function iperf(world: World, name: ContestantName, ...args: string[]): Promise<IperfReport> {
  return JSON.parse(await inClient(world, name, 'iperf3', '-J', '-c', addressOf(world, name), ...args));
}

function inClient({ h1 }: World, name: ContestantName, ...command: string[]): Promise<string> {
  return h1.docker('exec', clientOf(name), ...command);
}

/** File of the client's network namespace, in h1. */
function sandboxOf({ h1 }: World, name: ContestantName): Promise<string> {
  return h1.docker('inspect', '-f', '{{.NetworkSettings.SandboxKey}}', clientOf(name));
}

function addressOf({ servers }: World, name: ContestantName): string {
  const address = servers.get(name);
  if (address === undefined) throw new Error(`there is no contestant ${name}`);
  return address;
}
