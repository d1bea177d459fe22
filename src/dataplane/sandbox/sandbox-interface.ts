/**
 * The interface of an endpoint inside its container. Docker puts it there; here it is only looked at, and put back when
 * its pair was deleted, which takes it out of the running container.
 */
import { statfs } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { XnetError } from '../../errors.js';
import { type ListedLink, listLinks } from '../../native/netlink/links.js';
import type { LocalEndpoint } from '../dataplane.js';
import { endpointNameOf, interfaceName } from '../interface-names.js';
import { runProgram } from '../iproute2/program.js';
import { hasIpv6 } from '../kernel/kernel-support.js';
import { untilGone } from '../kernel/until-gone.js';

type SandboxLinks = readonly Pick<ListedLink, 'ifname' | 'address'>[];

/** Type of the file system that namespaces are files of (statfs(2)). */
const NSFS_MAGIC = 0x6e736673;

/** How Docker names a container's interfaces, as the driver's answer to Join has it. */
const PREFIX = 'eth';

/** Looks into containers that one check may cost, and looks for one name before it is given up. */
const MOST_LOOKS = 100;
const MOST_TRIES = 5;

export async function isSandbox(path: string): Promise<boolean> {
  return statfs(path).then(
    ({ type }) => type === NSFS_MAGIC,
    () => false,
  );
}

/** Resolves when no interface of that MAC is in the sandbox, to those that are. Throws IN_USE when one stays. */
export async function awaitVanished(path: string, mac: string): Promise<SandboxLinks> {
  let links: SandboxLinks = [];
  const name = await untilGone(async () => {
    links = await listLinks(path);
    return nameOf(links, mac);
  });
  if (name === undefined) return links;
  throw new XnetError('IN_USE', `the sandbox ${path} still has an interface ${name} with MAC ${mac}`);
}

/** The first name that is free, as Docker chooses it: the one that is missing when all others are there. */
export function firstFreeName(links: SandboxLinks): string {
  const taken = new Set(links.map(({ ifname }) => ifname));
  for (let number = 0; ; number++) {
    if (!taken.has(`${PREFIX}${number}`)) return `${PREFIX}${number}`;
  }
}

/** Makes the interface that was moved into the sandbox what Docker had made of it. Throws KERNEL. */
export async function dressInterface(
  path: string,
  { id, interfaceAddresses }: LocalEndpoint,
  name: string,
): Promise<void> {
  const lines = [
    `link set ${interfaceName(id)} name ${name}`,
    ...interfaceAddresses.map((address) => addressLine(address, name)),
    `link set ${name} up`,
  ];
  await setIpv6(path, interfaceName(id), interfaceAddresses.some(isOfIpv6));
  await runIn(path, ['ip', '-batch', '-'], `${lines.join('\n')}\n`);
}

function addressLine(address: string, name: string): string {
  // No duplicate address detection: the address is this container's, and it would be late by a second.
  return `addr add ${address} ${isOfIpv6(address) ? 'nodad' : 'brd +'} dev ${name}`;
}

/** As Docker does it: an interface that has no address of IPv6 does not speak it. */
async function setIpv6(path: string, name: string, on: boolean): Promise<void> {
  if (!on && !(await hasIpv6())) return;
  const file = `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`;
  await runIn(path, ['tee', file], on ? '0\n' : '1\n');
}

function isOfIpv6(address: string): boolean {
  return isIPv6(address.split('/')[0] ?? '');
}

function nameOf(links: SandboxLinks, mac: string): string | undefined {
  return links.find(({ address }) => address === mac)?.ifname;
}

async function runIn(path: string, words: readonly string[], input?: string): Promise<string> {
  const { command, exitCode, stdout, stderr } = await runProgram(
    'nsenter',
    [`--net=${path}`, ...words],
    input,
  );
  if (exitCode === 0) return stdout;
  throw new XnetError('KERNEL', `"${command}" failed: ${stderr.trim()}`, { command });
}

interface Sought {
  readonly tries: number;
  readonly name?: string | undefined;
}

/**
 * What Docker calls the interfaces of a network's endpoints inside their containers, seen while all was right. Once is
 * enough: it is the same for as long as the endpoint is in the container.
 */
export class SandboxNames {
  #sought: ReadonlyMap<string, Sought> = new Map();

  find(endpointId: string): string | undefined {
    return this.#sought.get(endpointId)?.name;
  }

  /**
   * Looks for those that are not known, some at a time, and forgets all others. Resolves to whether it is worth looking again.
   * Never rejects.
   */
  async learn(endpoints: readonly LocalEndpoint[]): Promise<boolean> {
    const sought = new Map<string, Sought>();
    let looks = 0;
    for (const { id, mac, sandboxPath } of endpoints) {
      const { tries, name } = this.#sought.get(id) ?? { tries: 0 };
      const isDue =
        name === undefined && sandboxPath !== undefined && tries < MOST_TRIES && looks < MOST_LOOKS;
      if (isDue) looks++;
      const found = isDue ? await look(sandboxPath, mac) : name;
      sought.set(id, { name: found, tries: isDue ? tries + 1 : tries });
    }
    this.#sought = sought;
    return [...sought.values()].some(({ name, tries }) => name === undefined && tries < MOST_TRIES);
  }
}

async function look(sandboxPath: string, mac: string): Promise<string | undefined> {
  if (!(await isSandbox(sandboxPath))) return undefined;
  const name = nameOf(await listLinks(sandboxPath).catch(() => []), mac);
  // Docker has moved it in, and is about to name it.
  return name !== undefined && endpointNameOf(name) ? undefined : name;
}
