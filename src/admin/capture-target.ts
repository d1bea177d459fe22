/** What is meant by the name that `xnet capture` is given, and which hosts have to do with it. */
import { XnetError } from '../errors.js';
import { quoted } from '../inet/quoted.js';
import { endpointRecord } from '../model/endpoint.js';
import { keys } from '../model/keys.js';
import type { EndpointItem, HostOf } from './answers.js';
import { Cluster, isBegun, type Reader, readAll } from './cluster.js';
import { endpointItem } from './items.js';

export interface CaptureTarget {
  readonly networks: readonly {
    readonly id: string;
    readonly name: string;
    readonly vni: number;
    /** Of the one container that is meant. */
    readonly mac?: string;
  }[];
  /** Those that have containers in these networks; of a host that is meant, it alone. */
  readonly hosts: readonly HostOf[];
}

/** Throws the store's errors, NOT_FOUND when nothing is called so, or no container is there, and INVALID when several things are. */
export async function findCaptureTarget(store: Reader, wanted: string): Promise<CaptureTarget> {
  const cluster = await Cluster.read(store);
  const { records } = await readAll(store, keys.endpoints(), endpointRecord);
  const endpoints = records.map((record) => endpointItem(cluster, record));
  const network = cluster.findNetwork(wanted);
  const ofContainer = endpoints.filter(({ container }) => container && isCalled(container, wanted));
  const hostIds = cluster.findHosts(wanted);
  requireOne(wanted, { network: network?.id, hostIds, ofContainer });
  const [host] = hostIds;
  const own = host === undefined ? ofContainer : endpoints.filter((item) => item.host.id === host);
  const ids = new Set(network ? [network.id] : own.map((item) => item.network.id));
  const members = endpoints.filter((item) => ids.has(item.network.id));
  if (members.length === 0)
    throw new XnetError(
      'NOT_FOUND',
      `${quoted(wanted)} has no container in a network: no packet can be captured`,
    );
  const macs = new Map(ofContainer.map((item) => [item.network.id, item.mac]));
  return {
    networks: cluster.networks
      .filter(({ id }) => ids.has(id))
      .map(({ id, vni }) => {
        const mac = macs.get(id);
        return { id, vni, name: cluster.nameOf(id) ?? id, ...(mac !== undefined && { mac }) };
      }),
    hosts: distinct(members.map((item) => item.host)).filter(({ id }) => host === undefined || id === host),
  };
}

interface Meant {
  readonly network: string | undefined;
  readonly hostIds: readonly string[];
  readonly ofContainer: readonly EndpointItem[];
}

function requireOne(wanted: string, { network, hostIds, ofContainer }: Meant): void {
  const containers = new Set(ofContainer.map(({ container }) => container?.id ?? ''));
  const meant = [
    ...(network === undefined ? [] : [`network ${network}`]),
    ...[...containers].map((id) => `container ${id}`),
    ...hostIds.map((id) => `host ${id}`),
  ];
  if (meant.length === 0)
    throw new XnetError(
      'NOT_FOUND',
      `the cluster has no network, container or host with the name or id ${quoted(wanted)}; \`xnet networks\`, \`xnet endpoints\` and \`xnet hosts\` list them`,
    );
  if (meant.length > 1)
    throw new XnetError(
      'INVALID',
      `several things are called ${quoted(wanted)}; give the id of one: ${meant.join(', ')}`,
    );
}

function isCalled({ id, name }: NonNullable<EndpointItem['container']>, wanted: string): boolean {
  return name === wanted || isBegun(id, wanted);
}

function distinct(hosts: readonly HostOf[]): HostOf[] {
  const byId = new Map(hosts.map((host) => [host.id, host]));
  return [...byId.values()].sort((a, b) => ((a.name ?? a.id) < (b.name ?? b.id) ? -1 : 1));
}
