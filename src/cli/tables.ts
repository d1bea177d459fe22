/** The tables of the lists: which columns, and what is in them. Pure. */

import type { AddressItem, EndpointItem, NameItem, NetworkAnswer, NetworkItem } from '../admin/answers.js';
import type { FindingItem } from '../admin/diagnosis-answers.js';
import type { Answer } from '../admin/operations.js';
import { printable, shortName } from '../observability/layout.js';
import { pairText, pathText } from '../server/status-text.js';
import { type Column, type Screen, style, table } from './output.js';

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
  ['VNI', ({ vni }) => vni],
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

export const POOLS: readonly Column<PoolItem>[] = [
  ['SUBNET', ({ subnet }) => subnet],
  ['NETWORK', ({ network }) => network && shortName(network)],
  ['ENDPOINTS', ({ addresses }) => addresses.endpoints],
  ['RESERVED', ({ addresses }) => addresses.reserved],
  ['RESTING', ({ addresses }) => addresses.resting],
  ['SHARED', ({ addresses }) => addresses.gateways + addresses.auxiliaries],
  ['SPACE', ({ space }) => space],
  ['HOSTS', ({ hosts }) => hosts.map(shortName).join(', ')],
];

export const ADDRESSES: readonly Column<AddressItem>[] = [
  ['ADDRESS', ({ address }) => address],
  ['STATE', ({ state }) => state],
  ['CONTAINER', ({ container }) => container && shortName(container)],
  ['HOST', ({ host }) => host && shortName(host)],
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

/** `xnet doctor`: for each host a line for each finding, with the remedy below it. */
export function doctorText({ hosts }: Answer<'doctor'>, screen?: Screen): string {
  return hosts.map((each) => hostFindings(each, screen)).join('\n');
}

function hostFindings(
  { host, findings, refusal }: Answer<'doctor'>['hosts'][number],
  screen?: Screen,
): string {
  if (refusal !== undefined)
    return `${verdictText('failure', screen)}  ${shortName(host)}: ${printable(refusal)}\n`;
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, verdict, found, remedy }) => [
    `${verdictText(verdict, screen)}  ${check.padEnd(width)}  ${printable(found)}`,
    ...(remedy === undefined ? [] : [`         ${' '.repeat(width)}  -> ${printable(remedy)}`]),
  ]);
  const count = (verdict: string) => findings.filter((finding) => finding.verdict === verdict).length;
  const counted = (verdict: 'failure' | 'warning') =>
    `${count(verdict)} ${verdict}${count(verdict) === 1 ? '' : 's'}`;
  const sum = `${shortName(host)}: ${counted('failure')}, ${counted('warning')}, ${count('ok')} ok`;
  return `${[...lines, sum].join('\n')}\n`;
}

function verdictText(verdict: FindingItem['verdict'], screen?: Screen): string {
  const text = verdict.padEnd(7);
  const colours = { ok: 'green', warning: 'yellow', failure: 'red' } as const;
  return screen?.hasColors ? style(colours[verdict], text) : text;
}

/** `xnet network show`. */
export function networkText(network: NetworkAnswer, screen?: Screen): string {
  const { id, name, vni, mtu, subnets, options, labels } = network;
  const pairs = (record: Readonly<Record<string, string>>) =>
    Object.entries(record).map(([key, value]) => `${key}=${value}`);
  const flags = (['internal', 'multicast', 'mirrored', 'swarm'] as const).filter((flag) => network[flag]);
  const head = table(
    [
      ['network', name === undefined ? id : `${shortName(name)} (${id})`],
      ['vni', `${vni}`],
      ['subnets', subnets.join(', ')],
      ['mtu', mtu === undefined ? "the underlay's, less the tunnel's headers" : `${mtu}`],
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
