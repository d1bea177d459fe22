/** Who runs against whom: kinds of networks, on each of which a pair of containers is measured, one of them on either host. */

export interface Contestant {
  /** Docker's name of the network; "host" is the hosts' own namespace. */
  readonly network: string;
  /** Arguments of `docker network create` besides the name; absent: it is there. `underlay`: interface of the hosts. */
  readonly create?: (underlay: string) => readonly string[];
  /** Left out, with a word in the report, where this xnet or this kernel cannot make it. */
  readonly isOptional?: true;
}

const XNET = ['-d', 'xnet', '--ipam-driver', 'xnet'];

export const CONTESTANTS = {
  xnet: { network: 'bench-xnet', create: () => XNET },
  'xnet any source': { network: 'bench-sources', create: () => [...XNET, '-o', 'xnet.spoof=allow'] },
  'xnet closed': {
    network: 'bench-closed',
    create: () => [...XNET, '-o', 'xnet.egress=deny'],
    isOptional: true,
  },
  'swarm overlay': { network: 'bench-swarm', create: () => ['-d', 'overlay', '--attachable'] },
  'bare underlay': { network: 'host' },
  'xnet LAN': {
    network: 'bench-lan',
    create: (underlay) => {
      const lan = ['-o', 'xnet.mode=macvlan', '-o', `parent=${underlay}`, '--subnet', '192.168.77.0/24'];
      return [...XNET, ...lan];
    },
    isOptional: true,
  },
  'xnet encrypted': {
    network: 'bench-encrypted',
    create: () => [...XNET, '-o', 'xnet.encrypt=on'],
    isOptional: true,
  },
  'xnet routed': {
    network: 'bench-routed',
    create: () => [...XNET, '-o', 'xnet.mode=routed'],
    isOptional: true,
  },
} as const satisfies Readonly<Record<string, Contestant>>;

export type ContestantName = keyof typeof CONTESTANTS;
export const CONTESTANT_NAMES = Object.keys(CONTESTANTS) as ContestantName[];

/** The container of h2, where iperf3 serves. */
export function serverOf(name: ContestantName): string {
  return `server-${CONTESTANTS[name].network}`;
}

/** The container of h1 from which is measured. */
export function clientOf(name: ContestantName): string {
  return `client-${CONTESTANTS[name].network}`;
}
