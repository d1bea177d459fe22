/** Addresses of a network that no container may have: its gateways and auxiliary addresses. Pure. */
import { XnetError } from '../../errors.js';
import type { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
import type { NetworkRecord } from '../../model/network.js';

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
