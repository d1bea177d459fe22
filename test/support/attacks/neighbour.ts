/** What a container tries with frames of its own making against others of its network. */
import type { Container } from '../containers/containers.js';
import { fragments } from '../traffic/fragments.js';
import { arpReply, udp, type Way } from '../traffic/frames.js';
import type { Attempt } from './attempts.js';
import { arrives, LAST_PORT, sendFrames } from './frames.js';

export interface Neighbours {
  readonly attacker: Container;
  /** On another host, with the friend. */
  readonly victim: Container;
  /** From the attacker to the victim. */
  readonly way: Way;
  /** The address of a friend of the victim's, with whom it has just talked. */
  readonly friend: string;
}

/** What is sent; and what tcpdump is asked for at the victim. */
interface Forgery {
  readonly what: string;
  readonly frames: (scene: Neighbours) => readonly Buffer[];
  readonly filter: (scene: Neighbours) => string;
}

/** Of nobody else's packets. */
const PORT = 9999;
const DOCKERS_RESOLVER = '127.0.0.11';

const FORGERIES: readonly Forgery[] = [
  {
    what: 'a packet with the address of another container, in fragments',
    frames: ({ way, friend }) => {
      const payload = Buffer.alloc(64);
      return fragments({ from: friend, to: way.destination, port: PORT, payload }, way, 8);
    },
    filter: ({ friend }) => `src host ${friend} and ip[6:2]&0x3fff!=0`,
  },
  {
    what: 'an answer to the victim’s resolver in the name of Docker’s',
    frames: ({ way }) => [udp({ ...way, source: DOCKERS_RESOLVER }, PORT)],
    filter: () => `src host ${DOCKERS_RESOLVER}`,
  },
];

export const NEIGHBOUR: readonly Attempt<Neighbours>[] = [
  {
    what: 'a takeover of the address of another container (gratuitous ARP)',
    make: async ({ attacker, victim, way, friend }) => {
      const claim = arpReply(way, { mac: way.from, address: friend });
      await attacker.exec('sh', '-c', sendFrames([claim, claim]));
      return (await victim.exec('ip', 'neigh', 'show', friend)).includes(way.from);
    },
    seen: counted,
  },
  ...FORGERIES.map(({ what, frames, filter }) => ({
    what,
    make: (scene: Neighbours) => reaches(scene, frames(scene), filter(scene)),
    seen: counted,
  })),
];

/** What is tried would arrive, if it were right. */
export function honestArrives(scene: Neighbours): Promise<boolean> {
  return reaches(scene, [udp(scene.way, PORT)], `udp port ${PORT}`);
}

export async function neighboursOf(
  attacker: Container,
  victim: Container,
  friend: Container,
): Promise<Neighbours> {
  const [from, to] = await Promise.all(
    [attacker, victim].map((each) => each.exec('cat', '/sys/class/net/eth0/address')),
  );
  const [source, destination] = [await attacker.address(), await victim.address()];
  const way = { from: `${from}`.trim(), to: `${to}`.trim(), source, destination };
  const address = await friend.address();
  await victim.reaches(address);
  return { attacker, victim, way, friend: address };
}

function reaches({ attacker, victim, way }: Neighbours, frames: readonly Buffer[], filter: string) {
  const send = (some: readonly Buffer[]) => attacker.exec('sh', '-c', sendFrames(some));
  return arrives(
    victim,
    () => send(frames),
    filter,
    () => send([udp(way, LAST_PORT)]),
  );
}

/** What the attacker's host has dropped of its frames. */
function counted({ attacker: { lab, host } }: Neighbours): Promise<string> {
  const each = 'ls /run/netns | grep -E "^xnet-[0-9a-f]{12}$"';
  return lab.in(host, 'sh', '-c', `for n in $(${each}); do ip netns exec $n nft list counters; done`);
}
