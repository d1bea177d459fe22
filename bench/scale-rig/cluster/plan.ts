/** Which hosts, networks and endpoints a cluster of a given size has. Pure; the same in each run. */
import { IpAddress } from '../../../src/inet/ip-address.js';
import { Prefix } from '../../../src/inet/prefix.js';
import { holdOn } from '../../../src/ipam/hold.js';
import { automaticSpan } from '../../../src/ipam/pools/subnet-rules.js';
import { reserveSize } from '../../../src/ipam/reserve/reserve-plan.js';
import { ADDRESS_SPACES, formatPoolKey } from '../../../src/model/pool.js';
import { hexId, uuid } from './ids.js';
import type { PlannedEndpoint, PlannedHost, PlannedNetwork } from './records.js';

export interface Size {
  readonly hosts: number;
  readonly networks: number;
  readonly endpoints: number;
  /** Of the first networks; each measured host has a container in each of them. */
  readonly ownNetworks: number;
  /** Endpoints of one more network, which a measured host joins last; 0: there is none. */
  readonly big: number;
}

/** In so many hosts the containers of one network run. */
const HOSTS_OF_A_NETWORK = 10;
/** `--reserve`. */
const RESERVE = 8;
/** Addresses of a subnet for endpoints that come and go. */
const SPARE = 64;
/** Subnets follow one after the other from there. */
const FIRST_SUBNET = IpAddress.parse('10.0.0.0').value;
const BIG_SUBNET = '172.20.0.0/16';
const FIRST_VTEP = IpAddress.parse('198.18.0.1').value;
const FIRST_VNI = 0x100000;

/**
 * The first endpoint of each network has it, and all that come and go: so a look-up of it is always answered, and otherwise when
 * one has come.
 */
export const PROBE_NAME = 'probe';

export interface ClusterPlan {
  readonly size: Size;
  /** Played by real daemons, each in one run. */
  readonly measured: readonly PlannedHost[];
  /** Records only. */
  readonly others: readonly PlannedHost[];
  readonly networks: readonly PlannedNetwork[];
  readonly big: PlannedNetwork | undefined;
  /** All of them, `big` too: each is in the Docker of every host. */
  readonly all: readonly PlannedNetwork[];
  /** Endpoints in the network; all are on the other hosts. */
  countOf(network: PlannedNetwork): number;
  endpointsOf(network: PlannedNetwork): Iterable<PlannedEndpoint>;
  /** The endpoint with that number in its network: beyond those of `endpointsOf` it is one that comes and goes. */
  endpointOf(network: PlannedNetwork, number: number): PlannedEndpoint;
  reservedOf(network: PlannedNetwork): Iterable<{ readonly host: PlannedHost; readonly address: string }>;
}

export function planCluster(size: Size, measured: number): ClusterPlan {
  const hosts = Array.from({ length: Math.max(size.hosts, measured + 1) }, (_, n) => planHost(n));
  const others = hosts.slice(measured);
  const each = Math.floor(size.endpoints / size.networks);
  const spread = Math.min(HOSTS_OF_A_NETWORK, others.length);
  const length = 32 - Math.ceil(Math.log2(each + SPARE + spread * RESERVE));
  const networks = Array.from({ length: size.networks }, (_, n) =>
    planNetwork(n, subnetOf(n, Math.min(24, length))),
  );
  const big = size.big > 0 ? planNetwork(size.networks, BIG_SUBNET) : undefined;
  const countOf = (network: PlannedNetwork) => (network === big ? size.big : each);
  const endpointOf = (network: PlannedNetwork, number: number) => {
    const first = network === big ? 0 : network.vni * HOSTS_OF_A_NETWORK;
    const width = network === big ? others.length : spread;
    return planEndpoint(network, others[(first + (number % width)) % others.length] as PlannedHost, number);
  };
  return {
    ...{ size, measured: hosts.slice(0, measured), others, networks, big },
    all: big ? [...networks, big] : networks,
    ...{ countOf, endpointOf },
    *endpointsOf(network) {
      for (let n = 0; n < countOf(network); n += 1) yield endpointOf(network, n);
    },
    *reservedOf(network) {
      if (network === big) return;
      const { first, last } = automaticSpan(Prefix.parse(network.subnet));
      const use = { size: Number(last - first + 1n), used: each, hosts: spread };
      const share = reserveSize(RESERVE, use);
      for (let n = 0; n < Math.min(each, spread) * share; n += 1)
        yield { host: endpointOf(network, n).host, address: `${IpAddress.of(4, last - BigInt(n))}` };
    },
  };
}

function planHost(n: number): PlannedHost {
  return { id: uuid('host', n), name: `host-${n}`, vtep: `${IpAddress.of(4, FIRST_VTEP + BigInt(n))}` };
}

function subnetOf(n: number, length: number): string {
  return `${IpAddress.of(4, FIRST_SUBNET + (BigInt(n) << BigInt(32 - length)))}/${length}`;
}

function planNetwork(n: number, subnet: string): PlannedNetwork {
  const id = hexId(12, 'network', n);
  const pool = { space: ADDRESS_SPACES.local, subnet: Prefix.parse(subnet) };
  return {
    ...{ id, name: `net-${n}`, vni: FIRST_VNI + n, poolKey: formatPoolKey(pool), subnet },
    holdOf: (host) => holdOn(pool, hexId(16, 'hold', id, host.id)),
    dockerIdOf: (host) => hexId(64, 'docker network', id, host.id),
  };
}

function planEndpoint(network: PlannedNetwork, host: PlannedHost, number: number): PlannedEndpoint {
  const { first } = automaticSpan(Prefix.parse(network.subnet));
  const containerId = hexId(64, 'container', network.id, number);
  const container = `c-${number}`;
  const names = [container, containerId.slice(0, 12), ...(number === 0 ? [PROBE_NAME] : [])];
  return {
    ...{ id: hexId(64, 'endpoint', network.id, number), host, network },
    address: `${IpAddress.of(4, first + BigInt(number))}`,
    names: { container, containerId, network: network.name, names, ports: [] },
  };
}
