/** Subnets of networks that are reached, or asked for names, by another way on this host. Pure, but for the reading of a file. */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { HostRoute } from '../dataplane/host-reading.js';
import { IpAddress } from '../inet/ip-address.js';
import { Prefix } from '../inet/prefix.js';
import { isDropping, isOverlapped } from '../inet/route.js';
import { allWell, failure, type Judgement, warning } from './finding.js';

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
          .filter((route) => !isDropping(route) && isOverlapped(subnet, route))
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

/** Of /etc/resolv.conf (resolv.conf(5)); none when it cannot be read. What is no address is passed over, as by the resolver. */
export async function readNameServers(path = '/etc/resolv.conf'): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const found = [...text.matchAll(/^nameserver\s+([0-9a-f.:]+)(?=\s|$)/gim)].map(
    ([, address = '']) => address,
  );
  return found.filter((address) => isIP(address) !== 0);
}
