/** How this host reaches the others: which interface, which address. */
import { isIP, isIPv6 } from 'node:net';
import { z } from 'zod';
import { XnetError } from '../../errors.js';
import type { Underlay } from '../dataplane.js';
import type { Iproute2 } from '../iproute2/iproute2.js';
import { checkKernel } from './kernel-support.js';

const addressSchema = z.object({
  family: z.string().optional(),
  local: z.string().optional(),
  scope: z.string().optional(),
  temporary: z.boolean().optional(),
  deprecated: z.boolean().optional(),
  tentative: z.boolean().optional(),
});
const interfacesSchema = z.array(
  z.object({
    ifindex: z.number(),
    ifname: z.string(),
    address: z.string().optional(),
    mtu: z.number(),
    addr_info: z.array(addressSchema).default([]),
  }),
);
const routesSchema = z.array(z.object({ dev: z.string().optional(), metric: z.number().optional() }));

export class HostUnderlay {
  /** The one that this host has, once it was looked for. */
  current: Underlay | undefined;

  /** `wanted`: interface name or address; default: the interface of the default route. */
  constructor(
    private readonly iproute2: Iproute2,
    private readonly wanted: string | undefined,
  ) {}

  /** As Dataplane.findUnderlay. */
  async find(): Promise<Underlay> {
    const underlay = chooseUnderlay(this.wanted, await readHostInterfaces(this.iproute2));
    await checkKernel(this.iproute2);
    this.current = underlay;
    return underlay;
  }

  /** As Dataplane.followUnderlay. */
  async follow(): Promise<Underlay> {
    const current = this.current ?? (await this.find());
    this.current = followUnderlay(this.wanted, current, await readHostInterfaces(this.iproute2));
    return this.current;
  }
}

interface HostInterface {
  readonly name: string;
  /** Stays when it is renamed. */
  readonly index?: number;
  readonly mac?: string | undefined;
  readonly mtu: number;
  /** Addresses that others may send to: global, neither temporary nor on trial. */
  readonly addresses: readonly string[];
}

/** The host's interfaces, and those of its default routes: IPv4 first, lower metric first. */
interface HostInterfaces {
  readonly interfaces: readonly HostInterface[];
  readonly defaultRoutes: readonly string[];
}

async function readHostInterfaces(iproute2: Iproute2): Promise<HostInterfaces> {
  const [interfaces, ipv4Routes, ipv6Routes] = await Promise.all([
    iproute2.show(['addr', 'show'], interfacesSchema),
    iproute2.show(['-4', 'route', 'show', 'default'], routesSchema),
    iproute2.show(['-6', 'route', 'show', 'default'], routesSchema),
  ]);
  const byMetric = (routes: z.infer<typeof routesSchema>) =>
    routes
      .toSorted((a, b) => (a.metric ?? 0) - (b.metric ?? 0))
      .flatMap((route) => (route.dev ? [route.dev] : []));
  return {
    interfaces: interfaces.map(({ ifindex, ifname, address: mac, mtu, addr_info }) => ({
      name: ifname,
      index: ifindex,
      mac,
      mtu,
      addresses: addr_info.flatMap((address) => (isStable(address) && address.local ? [address.local] : [])),
    })),
    defaultRoutes: [...byMetric(ipv4Routes), ...byMetric(ipv6Routes)],
  };
}

/**
 * `wanted` is an interface name, an address of this host, or absent: the interface of the default route and
 * its first global address, IPv4 before IPv6. Throws NOT_FOUND saying what was looked for and what there is.
 */
export function chooseUnderlay(wanted: string | undefined, host: HostInterfaces): Underlay {
  const byAddress = host.interfaces.find(({ addresses }) => wanted && addresses.includes(wanted));
  if (wanted && byAddress) return underlayOf(byAddress, wanted);
  const firstOf = (addresses: readonly string[]) =>
    addresses.find((address) => !isIPv6(address)) ?? addresses[0];
  const chosen = firstWith(wanted ? [wanted] : host.defaultRoutes, host, firstOf);
  if (!chosen) throw notFound(wanted, host);
  return chosen;
}

/**
 * The underlay after something changed on the host: `current` for as long as its address is there, whatever other
 * addresses and routes come. After that another address of the same family, since the other hosts have that one: of the
 * interface that was asked for, else of the same interface or that of the default route. Throws NOT_FOUND when there is
 * none, and when an address was asked for.
 */
export function followUnderlay(
  wanted: string | undefined,
  current: Underlay,
  host: HostInterfaces,
): Underlay {
  const holder = host.interfaces.find(({ addresses }) => addresses.includes(current.vtep));
  if (holder) return underlayOf(holder, current.vtep);
  const asked = wanted !== undefined && isIP(wanted) === 0 ? [wanted] : [];
  const names = wanted === undefined ? [current.interface, ...host.defaultRoutes] : asked;
  const alike = firstWith(names, host, (addresses) =>
    addresses.find((address) => isIP(address) === isIP(current.vtep)),
  );
  if (!alike) throw gone(wanted, current, names);
  return alike;
}

/** The first of these interfaces that has an address to choose. */
function firstWith(
  names: readonly string[],
  { interfaces }: HostInterfaces,
  choose: (addresses: readonly string[]) => string | undefined,
): Underlay | undefined {
  for (const name of names) {
    const found = interfaces.find((each) => each.name === name);
    const vtep = found && choose(found.addresses);
    if (found && vtep) return underlayOf(found, vtep);
  }
  return undefined;
}

function underlayOf({ name, index, mac, mtu }: HostInterface, vtep: string): Underlay {
  return {
    ...{ vtep, interface: name, mtu },
    ...(index !== undefined && { index }),
    ...(mac !== undefined && { mac }),
  };
}

function gone(wanted: string | undefined, { vtep }: Underlay, names: readonly string[]): XnetError {
  const remedy =
    names.length === 0
      ? 'give it back to this host, or start xnet with another --vtep'
      : `give ${[...new Set(names)].join(' or ')} an IPv${isIP(vtep)} address, and xnet follows`;
  const lost = `underlay address ${vtep} is gone from this host, so that other hosts are not reached`;
  return new XnetError('NOT_FOUND', `${lost}; ${remedy}`, { vtep, wanted });
}

function notFound(wanted: string | undefined, { interfaces }: HostInterfaces): XnetError {
  const sought = wanted
    ? `no interface or address "${wanted}" with a global address for the underlay`
    : 'no default route over an interface with a global address, so no underlay could be chosen';
  const found = interfaces.flatMap(({ name, addresses }) =>
    addresses.length > 0 ? [`${name} (${addresses.join(', ')})`] : [],
  );
  const remedy = `name one of this host's: ${found.join('; ') || 'none has a global address'}`;
  return new XnetError('NOT_FOUND', `${sought}; ${remedy}`, { wanted });
}

function isStable(address: z.infer<typeof addressSchema>): boolean {
  return address.scope === 'global' && !address.temporary && !address.deprecated && !address.tentative;
}
