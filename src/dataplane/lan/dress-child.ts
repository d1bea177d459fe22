/** Gives a container back its interface on a LAN, which was deleted in it, or with the parent. */
import { isIPv6 } from 'node:net';
import { listLinks } from '../../native/netlink/links.js';
import type { LocalEndpoint } from '../dataplane.js';
import { interfaceName } from '../interface-names.js';
import { runProgram } from '../iproute2/program.js';
import type { LanSpec } from '../modes.js';
import { dressInterface, firstFreeName } from '../sandbox/sandbox-interface.js';
import { aliasLine } from './children.js';

type Dressed = LocalEndpoint & { readonly sandboxPath: string };

/**
 * Makes the interface that was put into the sandbox what Docker had made of it: name, addresses, default routes. `formerName`: as it
 * was called; undefined: as Docker would name it. Throws KERNEL.
 */
export async function dressChild(
  networkId: string,
  mode: LanSpec,
  endpoint: Dressed,
  formerName: string | undefined,
): Promise<void> {
  const { id, sandboxPath } = endpoint;
  const others = (await listLinks(sandboxPath)).filter(({ ifname }) => ifname !== interfaceName(id));
  const taken = others.some(({ ifname }) => ifname === formerName);
  const name = formerName === undefined || taken ? firstFreeName(others) : formerName;
  await dressInterface(sandboxPath, endpoint, name);
  // The alias is last: without it the interface counts as missing, and is made again.
  await tryIn(sandboxPath, [...routeLines(mode, endpoint, name), aliasLine(networkId, id, name)]);
}

/** Docker's own: by the gateways; in the modes l3 and l3s straight to the interface (moby's ipvlan_joinleave.go). */
export function routeLines(
  mode: LanSpec,
  { interfaceAddresses }: Pick<LocalEndpoint, 'interfaceAddresses'>,
  name: string,
): string[] {
  const families = new Set(interfaceAddresses.map((address) => isIPv6(address.split('/')[0] ?? '')));
  const isRouted = mode.kind === 'ipvlan' && mode.submode !== 'l2';
  const anywhere = (is6: boolean) => (is6 ? '::/0' : '0.0.0.0/0');
  if (isRouted && mode.gateways.length > 0)
    return [...families].map((is6) => `route add ${anywhere(is6)} dev ${name}`);
  return mode.gateways
    .filter((gateway) => families.has(isIPv6(gateway)))
    .map((gateway) => `route add ${anywhere(isIPv6(gateway))} via ${gateway} dev ${name}`);
}

/** Each line is tried: another network may have the default route by now. */
async function tryIn(path: string, lines: readonly string[]): Promise<void> {
  await runProgram('nsenter', [`--net=${path}`, 'ip', '-force', '-batch', '-'], `${lines.join('\n')}\n`);
}
