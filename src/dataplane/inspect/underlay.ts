import { z } from 'zod';
import { isXnetError } from '../../errors.js';
import { isEncryptedVtep } from '../../inet/encrypted-vtep.js';
import { findDrops } from '../firewalls/drops.js';
import type { UnderlayFacts } from '../inspection.js';
import { type Namespace, readInterfaces, readText, readWay, runIn } from '../iproute2/read-namespace.js';
import { TUNNEL_FILTER_TABLE, vniWord } from '../nft/tunnel-filter.js';

/** As Inspection.underlay, of the host in `namespace`. */
export async function inspectUnderlay(
  namespace: Namespace,
  port: number,
  { vtep, peerVtep, vni }: { readonly vtep: string; readonly peerVtep: string; readonly vni: number },
): Promise<UnderlayFacts> {
  const interfaces = await readInterfaces(namespace);
  const own = interfaces.find(({ addresses }) => addresses.some((each) => each.startsWith(`${vtep}/`)));
  const [way, drops, filter] = await Promise.all([
    readWay(namespace, peerVtep, interfaces, own && isEncryptedVtep(vtep) ? vtep : undefined),
    findDrops(namespace, { port, own: vtep, peers: [peerVtep] }),
    readFilter(namespace, peerVtep, vni),
  ]);
  const reversePath = await readReversePath(namespace, own?.name ?? way.device);
  return { way, drops, reversePath, ...(own && { interface: own }), ...(filter && { filter }) };
}

/**
 * Prints the setting of each interface that is named, by what every shell has itself. `read` fails behind the one digit: shells read byte
 * by byte, and such a file gives nothing from its second byte on.
 */
const PRINT_REVERSE_PATHS = `for name do
  value=0
  read -r value </proc/sys/net/ipv4/conf/$name/rp_filter
  echo "$value"
done`;

/** The kernel takes the larger of the two (ip-sysctl.rst). */
async function readReversePath(namespace: Namespace, device: string | undefined): Promise<number> {
  const names = ['all', ...(device === undefined ? [] : [device])];
  const { stdout } = await runIn(namespace, ['sh', '-c', PRINT_REVERSE_PATHS, 'sh', ...names]);
  return Math.max(0, ...stdout.split('\n').map(Number));
}

const table = z.object({
  nftables: z.array(
    z.object({
      set: z.object({ elem: z.array(z.unknown()).default([]) }).optional(),
      rule: z.object({ chain: z.string(), expr: z.array(z.unknown()) }).optional(),
    }),
  ),
});

async function readFilter(
  namespace: Namespace,
  peerVtep: string,
  vni: number,
): Promise<UnderlayFacts['filter']> {
  const words = ['nft', '-j', 'list', 'table', 'inet', TUNNEL_FILTER_TABLE];
  const text = await readText(namespace, words).catch((error: unknown) => {
    if (isXnetError(error, 'KERNEL') && /No such file/.test(error.message)) return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const items = table.parse(JSON.parse(text)).nftables;
  const members = items.flatMap(({ set }) => set?.elem ?? []);
  const ours = items
    .filter(({ rule }) => rule?.chain === 'prerouting')
    .map(({ rule }) => JSON.stringify(rule?.expr));
  const names = (rule: string) =>
    rule.includes('from_peers') && new RegExp(`\\b${vniWord(vni)}\\b`).test(rule);
  return { takesPeer: members.includes(peerVtep), knowsVni: vni > 0 && ours.some(names) };
}
