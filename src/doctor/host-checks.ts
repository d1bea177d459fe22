/** This host: kernel settings, space, routes, firewall. The functions that judge are pure. */
import { readFile, statfs } from 'node:fs/promises';
import type { HostRoute, PacketDrop } from '../dataplane/dataplane.js';
import { IpAddress } from '../inet/ip-address.js';
import { Prefix } from '../inet/prefix.js';
import { allWell, failure, type Judgement, ok, warning } from './finding.js';

const FEW_BYTES = 200e6;
/** Of the connections that the kernel tracks at most. */
const MANY_TRACKED = 0.9;

export interface KernelSettings {
  readonly ipForward: boolean;
  /** undefined: the kernel tracks no connections. */
  readonly tracked: { readonly count: number; readonly most: number } | undefined;
}

export async function readKernelSettings(): Promise<KernelSettings> {
  const read = (path: string) => readFile(`/proc/sys/net/${path}`, 'utf8').then(Number, () => undefined);
  const [forward, count, most] = await Promise.all([
    read('ipv4/ip_forward'),
    read('netfilter/nf_conntrack_count'),
    read('netfilter/nf_conntrack_max'),
  ]);
  const tracked = count === undefined || most === undefined ? undefined : { count, most };
  return { ipForward: forward === 1, tracked };
}

export function judgeKernel({ ipForward, tracked }: KernelSettings): readonly Judgement[] {
  return allWell(
    [
      ...(ipForward
        ? []
        : [
            failure(
              'net.ipv4.ip_forward is 0: containers reach nothing outside, and published ports do not answer',
              'sysctl -w net.ipv4.ip_forward=1, and the same line in /etc/sysctl.d/',
            ),
          ]),
      ...(tracked && tracked.count >= tracked.most * MANY_TRACKED
        ? [
            failure(
              `${tracked.count} of ${tracked.most} connections are tracked: new ones of published ports are dropped`,
              `sysctl -w net.netfilter.nf_conntrack_max=${tracked.most * 4}, and the same line in /etc/sysctl.d/`,
            ),
          ]
        : []),
    ],
    'the settings that matter are right',
  );
}

export async function judgeSpace(directory: string): Promise<readonly Judgement[]> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free >= FEW_BYTES) return [ok(`${(free / 1e9).toFixed(1)} GB free in ${directory}`)];
  const found = `${Math.round(free / 1e6)} MB free in ${directory}`;
  return [failure(found, `free some: du -xh ${directory} | sort -h | tail; docker system df`)];
}

export function judgeFirewall(drops: readonly PacketDrop[], port: number): readonly Judgement[] {
  return allWell(
    drops.map(({ rule, isCertain, remedy }) =>
      isCertain
        ? failure(`this host drops the tunnel's packets (UDP ${port}): ${rule}`, remedy)
        : warning(`this host may drop the tunnel's packets (UDP ${port}): ${rule}`, remedy),
    ),
    `no rule drops UDP ${port}`,
  );
}

/** Subnets of networks that are reached, or asked for names, by another way on this host. */
export function judgeSubnets(
  networks: readonly { readonly name: string; readonly subnets: readonly string[] }[],
  routes: readonly HostRoute[],
  nameServers: readonly string[],
): readonly Judgement[] {
  const judged = networks.flatMap(({ name, subnets }) =>
    subnets.flatMap((text): Judgement[] => {
      const subnet = Prefix.parse(text);
      const remedy = `containers of network ${name} cannot reach it; make the network anew with another --subnet`;
      return [
        ...routes
          .filter(({ destination }) => isOverlapped(subnet, destination))
          .map(({ destination, device }) =>
            warning(
              `network ${name} (${text}) overlaps this host's route to ${destination} (${device})`,
              remedy,
            ),
          ),
        ...nameServers
          .filter((server) => subnet.contains(IpAddress.parse(server)))
          .map((server) =>
            failure(`network ${name} (${text}) covers this host's name server ${server}`, remedy),
          ),
      ];
    }),
  );
  return allWell(judged, 'no network overlaps a route or a name server of this host');
}

function isOverlapped(subnet: Prefix, destination: string): boolean {
  if (destination === 'default') return false;
  const text = destination.includes('/')
    ? destination
    : `${destination}/${destination.includes(':') ? 128 : 32}`;
  return subnet.overlaps(Prefix.parse(text));
}

/** Of /etc/resolv.conf (resolv.conf(5)); none when it cannot be read. */
export async function readNameServers(): Promise<string[]> {
  const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  return [...text.matchAll(/^nameserver\s+([0-9a-f.:]+)\s*$/gim)].map(([, address = '']) => address);
}
