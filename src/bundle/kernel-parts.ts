/**
 * What the kernel has of xnet: of the host, and of its namespaces: one for each network that has one, those of the paths and of the
 * pairs. Routed networks have tables instead.
 */
import { readdir, readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { NAMESPACES, networkIdOf, PAIRS_NAMESPACE, PATHS_NAMESPACE } from '../dataplane/interface-names.js';
import { runProgram } from '../dataplane/iproute2/program.js';
import type { Part } from './part.js';

const MOST_NAMESPACES = 100;
const LONGEST = 1 << 20;
const PROGRAM_MS = 3_000;

/** Below /proc/sys/net. */
const SETTINGS = [
  ...[
    'ipv4/ip_forward',
    'ipv4/conf/all/rp_filter',
    'ipv4/conf/default/rp_filter',
    'ipv6/conf/all/forwarding',
  ],
  ...['ipv4/neigh/default/gc_thresh1', 'ipv4/neigh/default/gc_thresh2', 'ipv4/neigh/default/gc_thresh3'],
  ...['netfilter/nf_conntrack_count', 'netfilter/nf_conntrack_max', 'core/rmem_max', 'core/wmem_max'],
  ...['bridge/bridge-nf-call-iptables', 'bridge/bridge-nf-call-ip6tables'],
];

export async function kernelParts(): Promise<Part[]> {
  const names = (await readdir(NAMESPACES).catch(() => [])).filter(isOwn);
  return [
    {
      file: 'kernel/versions.txt',
      what: 'versions of Linux, Node.js, iproute2 and nftables',
      read: readVersions,
    },
    {
      file: 'kernel/settings.txt',
      what: 'settings of the kernel (sysctl) that matter to xnet',
      read: readSettings,
    },
    part('kernel/links.txt', "the host's devices", ['ip', '-d', '-s', 'link']),
    part('kernel/addresses.txt', "the host's addresses", ['ip', 'address']),
    part('kernel/routes.txt', "the host's routes", ['ip', 'route', 'show', 'table', 'all']),
    part('kernel/neighbours.txt', "the host's neighbours", ['ip', 'neigh']),
    part('kernel/tunnel-filter.txt', "xnet's own nftables table", ['nft', 'list', 'table', 'inet', 'xnet']),
    {
      file: 'kernel/netdev-tables.txt',
      what: "xnet's tables of nftables at interfaces, as of routed networks (nft list table netdev xnet-...)",
      read: readNetdevTables,
    },
    ...names.slice(0, MOST_NAMESPACES).flatMap(namespaceParts),
  ];
}

function isOwn(namespace: string): boolean {
  return [PATHS_NAMESPACE, PAIRS_NAMESPACE].includes(namespace) || networkIdOf(namespace) !== undefined;
}

function namespaceParts(name: string): Part[] {
  const of = (file: string, what: string, command: readonly string[]) =>
    part(`kernel/${name}/${file}.txt`, `${what} of namespace ${name}`, command);
  return [
    of('links', 'devices', ['ip', '-n', name, '-d', '-s', 'link']),
    of('fdb', 'forwarding entries', ['bridge', '-n', name, 'fdb']),
    of('neighbours', 'neighbours', ['ip', '-n', name, 'neigh']),
  ];
}

function part(file: string, what: string, command: readonly string[]): Part {
  return { file, what: `${what} (${command.join(' ')})`, read: () => outputOf(command) };
}

/** Cut where it is longer than anybody reads. Throws UNSUPPORTED, TIMEOUT and KERNEL. */
async function outputOf([program = '', ...args]: readonly string[]): Promise<string> {
  const { stdout, stderr } = await runProgram(program, args, '', PROGRAM_MS);
  const text = `${stdout}${stderr}`;
  return text.length <= LONGEST
    ? text
    : `${text.slice(0, LONGEST)}\n(${text.length - LONGEST} more characters)\n`;
}

async function readNetdevTables(): Promise<string> {
  const tables = await outputOf(['nft', 'list', 'tables', 'netdev']);
  const texts: string[] = [];
  for (const [table = ''] of [...tables.matchAll(/\bxnet-[\w-]+/g)].slice(0, MOST_NAMESPACES))
    texts.push(await outputOf(['nft', 'list', 'table', 'netdev', table]));
  return texts.join('');
}

async function readVersions(): Promise<string> {
  const programs = await Promise.all(
    [
      ['ip', '-V'],
      ['nft', '--version'],
    ].map((command) => outputOf(command).catch((error) => `${error}\n`)),
  );
  return `Linux ${release()} ${process.arch}\nNode.js ${process.version}\n${programs.join('')}`;
}

async function readSettings(): Promise<string> {
  const read = async (path: string) => {
    const value = await readFile(`/proc/sys/net/${path}`, 'utf8').catch(() => '(absent)');
    return `net.${path.replaceAll('/', '.')} = ${value.trim()}\n`;
  };
  return (await Promise.all(SETTINGS.map(read))).join('');
}
