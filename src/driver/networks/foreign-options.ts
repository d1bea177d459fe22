/** Options of `docker network create` that xnet does not carry out: refused by name, never passed over in silence. Pure. */
import { XnetError } from '../../errors.js';

export type OptionMap = Readonly<Record<string, string>>;

const OF_GATEWAY =
  'is of bridge networks; outbound traffic and published ports are those of docker_gwbridge: create that one with it, before the first network of xnet';

/** What means something in other drivers, by name or its beginning, and what to do instead; the first that fits counts. */
const REMEDIES: readonly (readonly [string, string])[] = [
  [
    'encrypted',
    'asks for encrypted traffic, and xnet does not encrypt; leave it out, and where others can listen between the hosts encrypt there (WireGuard or IPsec between the underlay addresses)',
  ],
  ['parent', 'is of macvlan and ipvlan; what xnet sends over is chosen per host (xnet serve --interface)'],
  ['macvlan_mode', 'is of macvlan; leave it out, or create the network with -d macvlan'],
  ['ipvlan_', 'is of ipvlan; leave it out, or create the network with -d ipvlan'],
  [
    'com.docker.network.bridge.name',
    'is of bridge networks; each network of xnet has a bridge in a namespace of its own: leave it out',
  ],
  ['com.docker.network.bridge.', OF_GATEWAY],
  ['com.docker.network.host_ipv', OF_GATEWAY],
  [
    'com.docker.network.driver.overlay.vxlanid_list',
    "is of Docker's overlay; the identifier of a network of xnet is set with -o xnet.vni",
  ],
  [
    'com.docker.network.container_iface_prefix',
    'is of bridge networks; interfaces of containers are called eth0, eth1 and so on: leave it out',
  ],
  ['com.docker.network.internal', 'is not given as an option; use --internal'],
];

/** Read by Docker itself, of every driver's network (moby: daemon/network.go). */
const DOCKERS = ['com.docker.network.enable_ipv4', 'com.docker.network.enable_ipv6'];
/** Put there by swarm's managers, which use one map for all their calls (swarmkit: networkallocator.go). */
const DOCKERS_OF_IPAM = ['com.docker.network.ipam.serial', 'RequestAddressType'];

/** The options that neither xnet (`known`) nor Docker itself carries out. */
export function foreignOptions(options: Readonly<Record<string, unknown>>, known: object): OptionMap {
  const passed = [...Object.keys(known), ...DOCKERS, ...DOCKERS_OF_IPAM];
  const foreign = Object.entries(options).filter(([key]) => !passed.includes(key));
  return Object.fromEntries(foreign.map(([key, value]) => [key, String(value)]));
}

/** All of them are what the network was made with, by an earlier xnet that passed them over. */
export function areOfNetwork(foreign: OptionMap, made: OptionMap = {}): boolean {
  return Object.entries(foreign).every(([key, value]) => made[key] === value);
}

/** Throws INVALID naming the first, and what to do instead. */
export function refuseForeign(foreign: OptionMap, known: object, flag: '-o' | '--ipam-opt'): void {
  const keys = Object.keys(foreign);
  for (const key of keys) {
    const remedy = flag === '-o' && REMEDIES.find(([start]) => key.startsWith(start))?.[1];
    if (remedy) throw new XnetError('INVALID', `option ${flag} ${key} ${remedy}`);
  }
  if (keys.length === 0) return;
  throw new XnetError(
    'INVALID',
    `unknown option ${flag} ${keys.join(', ')}; known are ${Object.keys(known).join(', ')}`,
  );
}
