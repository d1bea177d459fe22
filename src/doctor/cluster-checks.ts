/** What the hosts and endpoints of the cluster have twice, or not alike. Pure. */
import type { EndpointRecord } from '../model/endpoint.js';
import type { HostRecord } from '../model/host.js';
import { allWell, failure, type Judgement, warning } from './finding.js';

export function judgeHosts(
  own: Pick<HostRecord, 'id' | 'vxlanPort' | 'xnetVersion'>,
  hosts: readonly HostRecord[],
): readonly Judgement[] {
  const others = hosts.filter(({ id }) => id !== own.id);
  const judged = others.flatMap((host): Judgement[] => [
    ...(host.vxlanPort === own.vxlanPort
      ? []
      : [
          failure(
            `host ${host.name} uses VXLAN port ${host.vxlanPort}, this one ${own.vxlanPort}: no packet arrives`,
            'set vxlanPort alike in /etc/xnet/xnet.json on all hosts, and restart xnet',
          ),
        ]),
    ...(host.xnetVersion === own.xnetVersion
      ? []
      : [
          warning(
            `host ${host.name} runs xnet ${host.xnetVersion}, this one ${own.xnetVersion}`,
            'hosts of two versions work together; upgrade the older one when you can',
          ),
        ]),
  ]);
  return allWell(judged, `${others.length} others, with the same VXLAN port and version`);
}

/** Endpoints of one network that have the same address, MAC or container name. `nameOf`: of a network, of a host. */
export function judgeDoubles(
  endpoints: readonly EndpointRecord[],
  nameOf: { readonly network: (id: string) => string; readonly host: (id: string) => string },
): readonly Judgement[] {
  const place = ({ names, hostId, id }: EndpointRecord) =>
    `${names?.container ?? id.slice(0, 12)} on ${nameOf.host(hostId)}`;
  const judged = groupsOf(endpoints, ({ networkId }) => [networkId]).flatMap(([networkId, members]) => {
    const network = nameOf.network(networkId);
    const doubled = (
      what: string,
      keysOf: (endpoint: EndpointRecord) => readonly string[],
      judge: typeof failure,
      remedy: string,
    ) =>
      groupsOf(members, keysOf)
        .filter(([, sharers]) => sharers.length > 1)
        .map(([key, sharers]) =>
          judge(
            `network ${network}: ${what} ${key} is that of ${sharers.map(place).sort().join(' and of ')}`,
            remedy,
          ),
        );
    return [
      ...doubled(
        'the address',
        ({ addresses }) => addresses,
        failure,
        'docker rm -f one of them and start it anew',
      ),
      ...doubled('the MAC', ({ mac }) => [mac], failure, 'start one of them anew, without --mac-address'),
      ...doubled(
        'the container name',
        ({ names }) => (names ? [names.container] : []),
        warning,
        'each look-up of the name is answered with both; docker rename one of them if that is not meant',
      ),
    ];
  });
  return allWell(judged, `no address, MAC or container name twice among ${endpoints.length} endpoints`);
}

function groupsOf<T>(items: readonly T[], keysOf: (item: T) => readonly string[]): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    for (const key of keysOf(item)) {
      const group = groups.get(key);
      if (group) group.push(item);
      else groups.set(key, [item]);
    }
  }
  return [...groups];
}
