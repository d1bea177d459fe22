/** Decisions about a network's record. Pure. */
import { XnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
import type { Mode } from '../../model/mode.js';
import { modeOf, type NetworkRecord } from '../../model/network.js';
import type { Protection } from '../../model/protection.js';
import type { GatewaySubnet, GivenPool, ReachedAddress } from '../collaborators.js';
import type { NetworkOptions } from './network-options.js';
import { MAX_VNI } from './network-options.js';

/**
 * Lowest VNI taken by itself. Docker's swarm overlay counts up from 4096 on the same UDP port; a VNI can be
 * in one device only, so xnet keeps far away from it.
 */
export const FIRST_VNI = 2 ** 20;

/** A VNI by chance (so that two hosts seldom meet), for the commit to try; `random` is in [0, 1). */
export function chooseVni(random: number): number {
  return FIRST_VNI + Math.floor(random * (MAX_VNI - FIRST_VNI + 1));
}

/**
 * Throws INVALID when a Docker network that joins an existing network disagrees with it, naming both values
 * and the way to make them agree.
 */
export function checkJoin(
  network: NetworkRecord,
  options: NetworkOptions,
  pools: readonly GivenPool[],
): void {
  const title = titleOf(network);
  const missing = pools.find((pool) => !network.pools.some((other) => isSamePool(pool, other)));
  if (missing) {
    const subnets = network.pools.map((pool) => pool.subnet);
    const remedy = `--ipam-opt ${network.name ? `xnet.name=${network.name}` : `xnet.id=${network.id}`}`;
    throw new XnetError(
      'INVALID',
      `network ${title} has ${subnets.join(' and ')}, and this one would take addresses from elsewhere ` +
        `(${missing.subnet}); create it with --ipam-driver xnet ${remedy}`,
    );
  }
  const differing = (
    [
      ['xnet.vni', options.vni, network.vni],
      ['xnet.multicast', options.multicast, network.multicast],
      ['com.docker.network.driver.mtu', options.mtu, network.mtu],
    ] as const
  ).find(([, asked, has]) => asked !== undefined && asked !== has);
  if (differing) {
    throw new XnetError(
      'INVALID',
      `network ${title} exists with ${differing[0]}=${differing[2]}, not ${differing[1]}`,
    );
  }
  checkMode(network, options.mode);
  if (!isFormerCopy(network, options)) checkProtection(network, options.protection);
  if (options.unencrypted && network.protection?.encrypt)
    throw new XnetError(
      'INVALID',
      `network ${title} is encrypted, on every host; leave xnet.encrypt=off out`,
    );
}

/** Gateways are no options: those of the network count. */
function checkMode(network: NetworkRecord, asked: Mode | undefined): void {
  if (!asked) return;
  const has = describeMode(modeOf(network));
  const wanted = describeMode(asked);
  if (has === wanted) return;
  throw new XnetError(
    'INVALID',
    `network ${titleOf(network)} exists with ${has}, not with ${wanted}; give the same -o options, or none of them`,
  );
}

/** A copy on another host of a network that an xnet made which passed `encrypted` over: its containers count on the network, as it is. */
function isFormerCopy({ id, mirror, protection }: NetworkRecord, options: NetworkOptions): boolean {
  return options.id === id && mirror?.options.encrypted !== undefined && !protection?.encrypt;
}

function checkProtection({ protection: has = {}, ...network }: NetworkRecord, asked: Protection = {}): void {
  const differing = (Object.keys(asked) as (keyof Protection)[]).find((key) => asked[key] !== has[key]);
  if (differing === undefined) return;
  throw new XnetError(
    'INVALID',
    `network ${titleOf(network)} exists without xnet.${differing}; leave the option out, or create the network anew with it`,
  );
}

function describeMode(mode: Mode): string {
  const { kind, ...rest }: Partial<Record<string, unknown>> = { ...mode, gateways: undefined };
  const more = Object.entries(rest).flatMap(([key, value]) =>
    value === undefined ? [] : `${key} ${value === true ? 'on' : value}`,
  );
  return [`xnet.mode=${kind}`, ...more.sort()].join(', ');
}

/**
 * Throws IN_USE when a new network overlaps a host's docker_gwbridge: Docker starts no container in both. Docker's
 * own IPAM keeps clear of that of its own host only.
 */
export function checkSubnets(pools: readonly GivenPool[], gateways: readonly GatewaySubnet[]): void {
  for (const { subnet, poolKey } of pools) {
    const prefix = prefixOf(subnet);
    const gateway = prefix && gateways.find((other) => Prefix.parse(other.subnet).overlaps(prefix));
    if (!gateway) continue;
    throw new XnetError(
      'IN_USE',
      `subnet ${subnet} overlaps docker_gwbridge of host ${gateway.hostName} (${gateway.subnet}), so that no ` +
        'container could start there; create the network with another --subnet' +
        (poolKey === undefined ? ', or with --ipam-driver xnet, which keeps clear of them' : ''),
    );
  }
}

/** Throws IN_USE when a new network holds an address that its containers must find outside of it. */
export function checkReached(pools: readonly GivenPool[], reached: readonly ReachedAddress[]): void {
  const [hidden] = findHidden(pools, reached);
  if (!hidden) return;
  throw new XnetError(
    'IN_USE',
    `subnet ${hidden.subnet} contains ${hidden.address} (${hidden.what}), which its containers could not reach then; choose another (--subnet)`,
  );
}

/** Addresses that containers look for in the network itself, each with the subnet. */
export function findHidden(
  pools: readonly Pick<GivenPool, 'subnet'>[],
  reached: readonly ReachedAddress[],
): (ReachedAddress & { readonly subnet: string })[] {
  return pools.flatMap(({ subnet }) => {
    const prefix = prefixOf(subnet);
    const hidden = reached.filter(({ address }) => prefix?.contains(IpAddress.parse(address)));
    return hidden.map((each) => ({ ...each, subnet }));
  });
}

/** Throws INVALID when containers would send packets that the underlay cannot carry. */
export function checkMtu(asked: number | undefined, largest: number): void {
  if (asked === undefined || asked <= largest) return;
  throw new XnetError(
    'INVALID',
    `MTU ${asked} does not fit this host's underlay: at most ${largest} after what VXLAN adds`,
  );
}

function isSamePool(given: GivenPool, pool: NetworkRecord['pools'][number]): boolean {
  return given.subnet === pool.subnet && (given.poolKey === undefined || given.poolKey === pool.poolKey);
}

/** As Docker gives them with a subnet: interface addresses such as 10.1.2.1/24. */
export interface GivenReserved {
  readonly gateway?: string | undefined;
  /** By the name that the user gave it (--aux-address NAME=ADDRESS). */
  readonly auxiliary?: Readonly<Record<string, string>> | undefined;
}

/** Address -> what has it, for messages. Throws INVALID for what is no interface address. */
export function reservedAddresses(given: readonly GivenReserved[]): Record<string, string> {
  const all = given.flatMap(({ gateway, auxiliary = {} }) => [
    ...(gateway === undefined ? [] : [['as its gateway', gateway] as const]),
    ...Object.entries(auxiliary).map(
      ([name, address]) => [`as its auxiliary address ${name}`, address] as const,
    ),
  ]);
  return Object.fromEntries(
    all.map(([role, text]) => [`${Prefix.parseInterface(text).address}`, role] as const),
  );
}

/**
 * Throws IN_USE for an address that the network has for itself. xnet's IPAM never gives it out; this is for what comes
 * from another IPAM.
 */
export function refuseReserved(
  { name, id, reserved = {} }: NetworkRecord,
  addresses: readonly IpAddress[],
): void {
  for (const address of addresses) {
    const role = reserved[`${address}`];
    if (role === undefined) continue;
    throw new XnetError(
      'IN_USE',
      `network ${name ?? id} has address ${address} ${role}; choose another (--ip)`,
    );
  }
}

/**
 * Throws IN_USE when a container cannot be in the network besides those that it is in, because of overlapping subnets.
 * Docker's own error would name only a route of the kernel.
 */
export function checkApart(network: NetworkRecord, others: readonly NetworkRecord[]): void {
  for (const other of others) {
    for (const one of subnetsOf(network)) {
      const overlapped = subnetsOf(other).find((each) => each.overlaps(one));
      if (!overlapped) continue;
      throw new XnetError(
        'IN_USE',
        `network ${titleOf(network)} (${one}) overlaps network ${titleOf(other)} (${overlapped}), which the ` +
          'container is in: it cannot be in both; create one of them again with another --subnet, or with ' +
          '--ipam-driver xnet, which chooses a subnet that no other network of the cluster has',
      );
    }
  }
}

/** Without those of Docker's null IPAM. */
export function subnetsOf({ pools }: NetworkRecord): Prefix[] {
  return pools.flatMap(({ subnet }) => prefixOf(subnet) ?? []);
}

/** Undefined for what Docker's null IPAM has: 0.0.0.0/0, which stands for no addresses. */
function prefixOf(subnet: string): Prefix | undefined {
  const prefix = Prefix.parse(subnet);
  return prefix.length > 0 ? prefix : undefined;
}

function titleOf({ name, id }: NetworkRecord): string {
  return name ?? id;
}
