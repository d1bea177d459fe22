/** The tables of the lists: which columns, and what is in them. Pure. */

import type { AddressItem, EndpointItem, NameItem, NetworkAnswer, NetworkItem } from '../../admin/answers.js';
import { parentText } from '../../admin/mode-answer.js';
import type { Answer } from '../../admin/operations.js';
import { shortName } from '../../observability/layout.js';
import { pairText, pathText } from '../../server/status-text.js';
import { type Column, type Screen, table } from '../output/output.js';

type HostItem = Answer<'hosts'>[number];
type PoolItem = Answer<'pools'>['items'][number];

export const HOSTS: readonly Column<HostItem>[] = [
  ['HOST', ({ name }) => (name === undefined ? '(removed)' : shortName(name))],
  ['ID', ({ id }) => id],
  ['UNDERLAY', ({ vtep }) => vtep],
  ['STATE', ({ alive }) => (alive === undefined ? 'unknown' : alive ? 'alive' : 'silent')],
  ['NETWORKS', ({ networks }) => networks],
  ['ENDPOINTS', ({ endpoints }) => endpoints],
  ['PATH', ({ path }) => path && pathText(path)],
  ['ROUTED', ({ pair }) => pair && pairText(pair)],
];

export const NETWORKS: readonly Column<NetworkItem>[] = [
  ['NETWORK', ({ name }) => name && shortName(name)],
  ['ID', ({ id }) => id],
  ['MODE', ({ mode, encrypted }) => (encrypted ? `${mode}, encrypted` : mode)],
  ['VNI', ({ vni }) => vni],
  ['PARENT', parentText],
  ['SUBNETS', ({ subnets }) => subnets.join(', ')],
  ['ON', ({ mirrored, swarm }) => (swarm ? 'swarm' : mirrored ? 'all hosts' : 'its hosts')],
  ['HOSTS', ({ hosts }) => hosts],
  ['ENDPOINTS', ({ endpoints }) => endpoints],
];

export const ENDPOINTS: readonly Column<EndpointItem>[] = [
  ['CONTAINER', ({ container }) => container && shortName(container.name)],
  ['NETWORK', ({ network }) => shortName(network.name ?? network.id)],
  ['HOST', ({ host }) => shortName(host.name ?? host.id)],
  ['STATE', ({ host }) => host.state],
  ['ADDRESSES', ({ addresses }) => addresses.join(', ')],
  ['MAC', ({ mac }) => mac],
  ['ENDPOINT', ({ id }) => id.slice(0, 12)],
];

/** The list of a cluster has a column of what nearly always is nothing only where it is something. */
export function endpointColumns(items: readonly EndpointItem[]): readonly Column<EndpointItem>[] {
  const isForged = items.some(({ forged = 0 }) => forged > 0);
  return isForged ? [...ENDPOINTS, ['FORGED', ({ forged }) => forged]] : ENDPOINTS;
}

export const POOLS: readonly Column<PoolItem>[] = [
  ['SUBNET', ({ subnet }) => subnet],
  ['NETWORK', ({ network }) => network && shortName(network)],
  ['ENDPOINTS', ({ addresses }) => addresses.endpoints],
  ['RESERVED', ({ addresses }) => addresses.reserved],
  ['RESTING', ({ addresses }) => addresses.resting],
  ['SHARED', ({ addresses }) => addresses.gateways + addresses.auxiliaries],
  ['FOREIGN', ({ addresses }) => addresses.foreign],
  ['SPACE', ({ space }) => space],
  ['HOSTS', ({ hosts }) => hosts.map(shortName).join(', ')],
];

export const ADDRESSES: readonly Column<AddressItem>[] = [
  ['ADDRESS', ({ address }) => address],
  ['STATE', ({ state }) => state],
  ['CONTAINER', ({ container }) => container && shortName(container)],
  ['HOST', ({ host }) => host && shortName(host)],
  ['DEVICE', ({ device }) => device?.mac],
  ['SUBNET', ({ subnet }) => subnet],
];

export const NAMES: readonly Column<NameItem>[] = [
  ['NAME', ({ name }) => shortName(name)],
  ['NETWORK', ({ network }) => shortName(network.name ?? network.id)],
  ['ADDRESSES', ({ addresses }) => addresses.join(', ')],
  ['CONTAINER', ({ container }) => shortName(container)],
  ['HOST', ({ host }) => shortName(host.name ?? host.id)],
  ['STATE', ({ host }) => host.state],
];

const DOCKER_NETWORKS: readonly Column<NetworkAnswer['dockerNetworks'][number]>[] = [
  ['HOST', ({ host }) => shortName(host.name ?? host.id)],
  ['STATE', ({ host }) => host.state],
  ['DOCKER NETWORK', ({ id }) => id.slice(0, 12)],
  ['NAME THERE', ({ name }) => name && shortName(name)],
];

function defaultMtu({ mode }: NetworkAnswer): string {
  if (mode === 'overlay') return "the underlay's, less the tunnel's headers";
  return mode === 'routed' ? "the underlay's" : "the parent's";
}

/** `xnet network show`. */
export function networkText(network: NetworkAnswer, screen?: Screen): string {
  const { id, name, mode, vni, mtu, subnets, options, labels } = network;
  const pairs = (record: Readonly<Record<string, string>>) =>
    Object.entries(record).map(([key, value]) => `${key}=${value}`);
  const flags: string[] = (['internal', 'multicast', 'mirrored', 'swarm'] as const).filter(
    (flag) => network[flag],
  );
  // As an overlay may be, with xnet.multicast=off; of that the options are the words.
  if (mode === 'routed') flags.push('without multicast and broadcast');
  const head = table(
    [
      ['network', name === undefined ? id : `${shortName(name)} (${id})`],
      ['mode', network.encrypted ? `${mode}, encrypted` : mode],
      ...(vni === undefined
        ? [['parent', parentText(network) ?? 'none: it is inside each host']]
        : [['vni', `${vni}`]]),
      ['subnets', subnets.join(', ')],
      ['mtu', mtu === undefined ? defaultMtu(network) : `${mtu}`],
      ['is', flags.join(', ')],
      ['options', pairs(options).join(', ')],
      ['labels', pairs(labels).join(', ')],
    ],
    [
      ['WHAT', ([what]) => what],
      ['VALUE', ([, value]) => value],
    ],
    screen,
  );
  const parts = [
    head,
    table(network.dockerNetworks, DOCKER_NETWORKS, screen),
    table(network.members, ENDPOINTS, screen),
  ];
  return parts.join('\n');
}
