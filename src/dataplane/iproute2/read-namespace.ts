/** Interfaces and routes of a namespace, in what `ip -j` prints. */
import { z } from 'zod';
import { XnetError } from '../../errors.js';
import type { InterfaceFacts, RouteFacts } from '../inspection.js';
import { enterCommand, type ProgramOutput, runProgram } from './program.js';

/** A name of /run/netns or a path; undefined: this process's own namespace. */
export type Namespace = string | undefined;

const addresses = z.array(
  z.object({
    ifname: z.string(),
    address: z.string().default(''),
    mtu: z.number(),
    flags: z.array(z.string()),
    addr_info: z.array(z.object({ local: z.string(), prefixlen: z.number() })),
  }),
);
const routes = z.array(z.object({ dst: z.string(), dev: z.string().optional() }));
const ways = z.array(
  z.object({
    dev: z.string().optional(),
    gateway: z.string().optional(),
    metrics: z.array(z.object({ mtu: z.number().optional() })).optional(),
  }),
);

/** Loopback is left out. */
export async function readInterfaces(namespace: Namespace): Promise<InterfaceFacts[]> {
  const listed = addresses.parse(await readJson(namespace, ['ip', '-j', 'addr', 'show']));
  return listed
    .filter(({ flags }) => !flags.includes('LOOPBACK'))
    .map(({ ifname: name, address: mac, mtu, flags, addr_info: info }) => ({
      ...{ name, mac, mtu, isUp: flags.includes('UP') },
      addresses: info.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    }));
}

export async function readRoutes(
  namespace: Namespace,
  destination: string,
): Promise<{ destination: string; device: string }[]> {
  const listed = await readJson(namespace, ['ip', '-j', familyOf(destination), 'route', 'show']);
  return routes.parse(listed).map(({ dst, dev: device = 'none' }) => ({ destination: dst, device }));
}

/** `ip route get`: the kernel decides, and sends nothing. `source`: of the packet, where routes depend on it. */
export async function readWay(
  namespace: Namespace,
  destination: string,
  interfaces: readonly InterfaceFacts[],
  source?: string,
): Promise<RouteFacts> {
  const from = source === undefined ? [] : ['from', source];
  const words = ['ip', '-j', familyOf(destination), 'route', 'get', destination, ...from];
  const { exitCode, stdout, stderr } = await runIn(namespace, words);
  if (exitCode !== 0) return { refusal: stderr.replace(/^(RTNETLINK answers|Error): /, '').trim() };
  const [way] = ways.parse(JSON.parse(stdout));
  const { dev: device, gateway, metrics } = way ?? {};
  const learned = metrics?.find(({ mtu }) => mtu !== undefined)?.mtu;
  const mtu = learned ?? interfaces.find(({ name }) => name === device)?.mtu;
  return {
    ...(device !== undefined && { device }),
    ...(gateway !== undefined && { gateway }),
    ...(mtu !== undefined && { mtu }),
  };
}

/** Throws KERNEL with the program's words. */
export async function readText(namespace: Namespace, words: readonly string[]): Promise<string> {
  const { command, exitCode, stdout, stderr } = await runIn(namespace, words);
  if (exitCode === 0) return stdout;
  throw new XnetError('KERNEL', `"${command}" failed: ${stderr.trim()}`, { command });
}

export function runIn(namespace: Namespace, words: readonly string[]): Promise<ProgramOutput> {
  const [program = '', ...args] = [...enterCommand(namespace), ...words];
  return runProgram(program, args);
}

async function readJson(namespace: Namespace, words: readonly string[]): Promise<unknown> {
  const printed = await readText(namespace, words);
  // Some versions of iproute2 print nothing when there is nothing to show.
  return JSON.parse(printed.trim() === '' ? '[]' : printed);
}

function familyOf(address: string): '-4' | '-6' {
  return address.includes(':') ? '-6' : '-4';
}
