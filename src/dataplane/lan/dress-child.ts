/** The interface on a LAN inside a container: given back when it was deleted there, or with the parent; removed. */
import { isIPv6 } from 'node:net';
import { isXnetError } from '../../errors.js';
import { listLinks } from '../../native/netlink/links.js';
import type { LocalEndpoint } from '../dataplane.js';
import { interfaceName } from '../interface-names.js';
import { runProgram } from '../iproute2/program.js';
import type { LanSpec } from '../modes.js';
import { dressInterface, firstFreeName, isSandbox } from '../sandbox/sandbox-interface.js';
import { aliasLine } from './children.js';
import { unfinishedAlias } from './names.js';

export type Dressed = LocalEndpoint & { readonly sandboxPath: string };

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
  const alias = unfinishedAlias(networkId, id);
  await runProgram('nsenter', [
    `--net=${sandboxPath}`,
    ...['ip', 'link', 'set', 'dev', interfaceName(id), 'alias', alias],
  ]);
  await dressInterface(sandboxPath, endpoint, name);
  // This alias is last: without it the interface counts as missing, and is made again.
  await tryIn(sandboxPath, [...routeLines(mode, endpoint, name), aliasLine(networkId, id, name)]);
}

/** As Docker makes them of the gateways that Join answers. */
function routeLines(
  { gateways }: LanSpec,
  { interfaceAddresses }: Pick<LocalEndpoint, 'interfaceAddresses'>,
  name: string,
): string[] {
  const families = new Set(interfaceAddresses.map((address) => isIPv6(address.split('/')[0] ?? '')));
  return gateways
    .filter((gateway) => families.has(isIPv6(gateway)))
    .map((gateway) => `route add ${isIPv6(gateway) ? '::/0' : '0.0.0.0/0'} via ${gateway} dev ${name}`);
}

/** Each line is tried: another network may have the default route by now. */
async function tryIn(path: string, lines: readonly string[]): Promise<void> {
  await runProgram('nsenter', [`--net=${path}`, 'ip', '-force', '-batch', '-'], `${lines.join('\n')}\n`);
}

/** Deletes what an attempt to make it again has left, of this process or another. Throws KERNEL. */
export async function deleteUnfinished(networkId: string, { id, sandboxPath }: Dressed): Promise<void> {
  const alias = unfinishedAlias(networkId, id);
  const links = await listLinks(sandboxPath).catch(noneIfGone);
  for (const { ifname, ifalias } of links)
    if (ifalias === alias || (ifname === interfaceName(id) && !ifalias)) await deleteIn(sandboxPath, ifname);
}

/** Deletes the interface of this alias. Absent is success, also the whole namespace. */
export async function deleteChild(path: string, alias: string): Promise<void> {
  if (!(await isSandbox(path))) return;
  const link = (await listLinks(path).catch(noneIfGone)).find(({ ifalias }) => ifalias === alias);
  if (link) await deleteIn(path, link.ifname);
}

async function deleteIn(path: string, name: string): Promise<void> {
  await runProgram('nsenter', [`--net=${path}`, 'ip', 'link', 'del', 'dev', name]);
}

function noneIfGone(error: unknown): [] {
  if (isXnetError(error, 'NOT_FOUND')) return [];
  throw error;
}
