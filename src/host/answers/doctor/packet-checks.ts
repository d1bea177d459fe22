/** What the doctor looks at of the way that packets go on this host, and by which facts. */
import type { Status } from '../../../admin/status-answer.js';
import { sleep } from '../../../concurrency/deadline.js';
import { type Check, ok } from '../../../doctor/finding.js';
import { judgeFirewall } from '../../../doctor/firewall-checks.js';
import { readNetSetting } from '../../../doctor/kernel-checks.js';
import { judgeLeftovers, judgeTunnels, strangersOf } from '../../../doctor/leftover-checks.js';
import { judgeSubnets, readNameServers } from '../../../doctor/subnet-checks.js';
import { judgeMtus, judgeRoutes } from '../../../doctor/underlay-checks.js';
import { bindingRecord } from '../../../model/binding.js';
import { hostRecord } from '../../../model/host.js';
import { keys } from '../../../model/keys.js';
import { findRecord } from '../../../model/record.js';
import type { Looked } from './checks.js';
import { lookAtLans } from './lan-checks.js';
import { findOutwardFaults } from './outward-findings.js';
import { findSourceFaults } from './source-findings.js';

/** Longer than a network is being made or removed. */
const SETTLED_MS = 1_500;

export function packetChecks(looked: Looked, status: Status): Check[] {
  const { config, dataplane } = looked;
  return [
    { name: 'leftovers', look: () => lookAtLeftovers(looked) },
    {
      name: 'tunnels',
      look: async () =>
        judgeTunnels(await dataplane.reading.listForeignTunnels(), tunnelledOf(status), config.vxlanPort),
    },
    { name: 'routes', look: () => lookAtRoutes(looked, status) },
    { name: 'mtu', look: () => lookAtMtus(looked, status) },
    {
      name: 'firewall',
      look: async () => {
        const vteps = status.peers.map(({ vtep }) => vtep);
        const drops = await dataplane.reading.findPacketDrops(status.host.vtep, vteps);
        return judgeFirewall(drops, config.vxlanPort, status.peers);
      },
    },
    { name: 'lans', look: () => lookAtLans(looked, status) },
    { name: 'outside', look: () => lookOutside(looked) },
    { name: 'sources', look: () => findSourceFaults(looked, status) },
    {
      name: 'subnets',
      look: async () =>
        judgeSubnets(networksOf(status), await foreignRoutes(looked), await readNameServers()),
    },
  ];
}

/**
 * Twice, since a network may be made or removed in the midst of the first look. Of a host that its own records do not have, as
 * when they are lost, none of its networks is known: each would be a stranger, to be removed under its containers.
 */
async function lookAtLeftovers({ dataplane, reader, hostId }: Looked) {
  if ((await reader.list(keys.host(hostId))).entries.length === 0)
    return [ok('not looked at: there is no record of this host, nor of its networks')];
  const look = async () => {
    const observed = await dataplane.listNetworks();
    const { entries } = await reader.list(keys.bindingsOfHost(hostId));
    const bindings = entries.flatMap((entry) => findRecord(bindingRecord, entry) ?? []);
    return strangersOf(observed, new Set(bindings.map(({ networkId }) => networkId)));
  };
  const first = await look();
  if (first.length > 0) await sleep(SETTLED_MS);
  return judgeLeftovers(first.length === 0 ? [] : await look());
}

async function lookAtRoutes({ dataplane }: Looked, { host, peers }: Status) {
  if (host.interface === undefined) return [ok('this host is still looking for its underlay')];
  const living = peers.filter(({ state }) => state !== 'silent');
  const [paths, routes, ...filters] = await Promise.all([
    dataplane.reading.findPaths(living.map(({ vtep }) => vtep)),
    dataplane.reading.listRoutes(),
    ...['all', host.interface].map((name) => readNetSetting(`ipv4/conf/${name}/rp_filter`)),
  ]);
  const rpFilter = Math.max(...filters.map((value = 0) => value));
  return judgeRoutes({ interface: host.interface, peers: living, paths, routes, rpFilter });
}

async function lookAtMtus({ dataplane, innerMtu }: Looked, { host, networks }: Status) {
  const { vtep, interface: name, mtu } = host;
  if (vtep === undefined || name === undefined || mtu === undefined)
    return [ok('this host is still looking for its underlay')];
  const underlay = { vtep, interface: name, mtu };
  const carried = dataplane.containerMtu(underlay);
  const overlays = networks.filter(({ mode }) => mode === 'overlay');
  const found = overlays.map(async (network) => {
    const ports = await dataplane.reading.listMtus(network.id);
    const containers = network.endpoints.map(async ({ id, mac, container = id.slice(0, 12) }) => {
      const mtu = (await innerMtu?.(id, mac)) ?? ports.get(id.slice(0, 12));
      return mtu === undefined ? [] : [{ name: container, mtu }];
    });
    return {
      name: network.name ?? network.id,
      mtu: network.mtu ?? carried,
      containers: (await Promise.all(containers)).flat(),
    };
  });
  return judgeMtus(await Promise.all(found), carried, underlay);
}

async function lookOutside({ dataplane, reader, hostId }: Looked) {
  const { entries } = await reader.list(keys.host(hostId));
  const subnets = entries.flatMap((entry) => findRecord(hostRecord, entry)?.gatewaySubnets ?? []);
  return findOutwardFaults(dataplane.reading, subnets);
}

/** Those with a subnet of their own: that of a LAN is this host's as well. */
function networksOf({ networks }: Status) {
  return networks
    .filter(({ parent }) => parent === undefined)
    .map(({ name, id, subnets }) => ({ name: name ?? id, subnets }));
}

function tunnelledOf({ networks }: Status) {
  return networks.flatMap(({ name, id, vni }) => (vni === undefined ? [] : [{ name: name ?? id, vni }]));
}

/** Docker's own are to its containers. */
async function foreignRoutes({ dataplane }: Looked) {
  return (await dataplane.reading.listRoutes()).filter(({ device }) => !/^(docker|br-)/.test(device));
}
