/** What the hosts and endpoints of the cluster have twice, or not alike. Pure. */
import type { EndpointRecord } from '../model/endpoint.js';
import type { HostRecord } from '../model/host.js';
import { allWell, failure, type Judgement, warning, wordOfLine } from './finding.js';

type OwnHost = Pick<HostRecord, 'id' | 'name' | 'vxlanPort' | 'xnetVersion'>;

/** Of hosts that a finding names: while a large cluster is upgraded, nearly all have another version. */
const MOST_NAMES = 5;

/** `isAlive`: has given a sign of life. */
export function judgeHosts(
  own: OwnHost,
  hosts: readonly HostRecord[],
  isAlive: (hostId: string) => boolean,
): readonly Judgement[] {
  const others = hosts.filter(({ id }) => id !== own.id);
  const judged = [
    ...groupsOf(others, ({ vxlanPort }) => [`${vxlanPort}`]).flatMap(([port, hosts]) =>
      judgePort(own, port, hosts),
    ),
    ...groupsOf(others, ({ xnetVersion }) => [xnetVersion]).flatMap(([version, hosts]) =>
      judgeVersion(own, version, hosts),
    ),
    ...others.flatMap((host) => judgeName(own, host, isAlive(host.id))),
  ];
  return allWell(judged, `${others.length} others, with the same VXLAN port and version`);
}

function judgePort({ vxlanPort }: OwnHost, port: string, hosts: readonly HostRecord[]): Judgement[] {
  if (port === `${vxlanPort}`) return [];
  const who = hosts.length === 1 ? `host ${hosts[0]?.name} uses` : `${namesOf(hosts)} use`;
  const found = `${who} VXLAN port ${port}, this one ${vxlanPort}: no packet arrives`;
  return [
    failure(
      found,
      'set vxlanPort alike in /etc/xnet/xnet.json on all hosts, then: systemctl restart xnet   # a managed plugin: docker plugin disable -f NAME && docker plugin enable NAME',
    ),
  ];
}

function judgeVersion({ xnetVersion }: OwnHost, version: string, hosts: readonly HostRecord[]): Judgement[] {
  if (version === xnetVersion) return [];
  const who = hosts.length === 1 ? `host ${hosts[0]?.name} runs` : `${namesOf(hosts)} run`;
  const found = `${who} xnet ${version}, this one ${xnetVersion}`;
  return [warning(found, 'hosts of two versions work together; upgrade the older one when you can')];
}

function namesOf(hosts: readonly HostRecord[]): string {
  const names = hosts.map(({ name }) => name).sort();
  const more = names.length - MOST_NAMES;
  const shown = names.slice(0, MOST_NAMES).join(', ');
  return more > 0 ? `hosts ${shown} and ${more} more` : `hosts ${shown}`;
}

/** Mostly a host that was installed anew and left its former record, or a copied one. */
function judgeName(own: OwnHost, { id, name, vtep }: HostRecord, isAlive: boolean): Judgement[] {
  if (name !== own.name) return [];
  const found = `another host (${vtep}, id ${id}) has the name ${name} of this one`;
  const remedy = isAlive
    ? `hostnamectl set-hostname ${wordOfLine(`${name}-${own.id.slice(0, 4)}`)}   # or another name of its own`
    : `xnet host rm ${wordOfLine(id)}`;
  return [warning(isAlive ? found : `${found}, and is silent`, remedy)];
}

/** Endpoints of one network that have the same address, MAC or container name. `nameOf`: of a network, of a host. */
export function judgeDoubles(
  endpoints: readonly EndpointRecord[],
  nameOf: { readonly network: (id: string) => string; readonly host: (id: string) => string },
): readonly Judgement[] {
  const nameIn = ({ names, id }: EndpointRecord) => names?.container ?? id.slice(0, 12);
  const place = (endpoint: EndpointRecord) => `${nameIn(endpoint)} on ${nameOf.host(endpoint.hostId)}`;
  const judged = groupsOf(endpoints, ({ networkId }) => [networkId]).flatMap(([networkId, members]) => {
    const network = nameOf.network(networkId);
    const doubled = (
      what: string,
      keysOf: (endpoint: EndpointRecord) => readonly string[],
      judge: typeof failure,
      remedy: (name: string, host: string) => string,
    ) =>
      groupsOf(members, keysOf)
        .filter(([, sharers]) => sharers.length > 1)
        .map(([key, sharers]) => {
          const [last, ...others] = sharers.toSorted((a, b) => (place(a) < place(b) ? 1 : -1));
          const places = [...others.toReversed(), ...(last ? [last] : [])].map(place);
          const found = `network ${network}: ${what} ${key} is that of ${places.join(' and of ')}`;
          const words = last ? [nameIn(last), nameOf.host(last.hostId)].map(wordOfLine) : [];
          return judge(found, remedy(words[0] ?? '', words[1] ?? ''));
        });
    return [
      ...doubled(
        'the address',
        ({ addresses }) => addresses,
        failure,
        (name, host) => `docker restart ${name}   # on ${host}; one started with --ip needs another`,
      ),
      ...doubled(
        'the MAC',
        ({ mac }) => [mac],
        failure,
        (name, host) => `docker stop ${name}   # on ${host}; make it anew without --mac-address`,
      ),
      ...doubled(
        'the container name',
        ({ names }) => (names ? [names.container] : []),
        warning,
        (name, host) =>
          `docker rename ${name} ${name}-${host}   # on ${host}, unless both are to be answered`,
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
