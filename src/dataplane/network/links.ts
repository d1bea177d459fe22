/** What `ip -d -j link show` tells of a device, as far as xnet compares it. */
import { z } from 'zod';

export const linkSchema = z.object({
  ifname: z.string(),
  flags: z.array(z.string()),
  mtu: z.number(),
  group: z.string().optional(),
  master: z.string().optional(),
  address: z.string().optional(),
  inet6_addr_gen_mode: z.string().optional(),
  linkinfo: z
    .object({
      info_kind: z.string().optional(),
      info_data: z.record(z.string(), z.unknown()).optional(),
      info_slave_data: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
});
export type Link = z.infer<typeof linkSchema>;

export const linksSchema = z.array(linkSchema);

/** True when every key of `wanted` has that value in `actual`. */
export function holds(
  actual: Record<string, unknown> | undefined,
  wanted: Readonly<Record<string, unknown>>,
): boolean {
  return Object.entries(wanted).every(([key, value]) => actual?.[key] === value);
}

/** True when no key of `wanted` has another value in `actual`; an older iproute2 does not tell them all. */
export function agrees(
  actual: Record<string, unknown> | undefined,
  wanted: Readonly<Record<string, unknown>>,
): boolean {
  return Object.entries(wanted).every(([key, value]) => (actual?.[key] ?? value) === value);
}

/**
 * True when packets of `mtu` bytes pass. A device made while the underlay carried more keeps its MTU: the containers of that
 * time go on sending such packets. VXLAN answers them with "fragmentation needed", or fragments its own where they allow
 * fragments (vxlan_xmit_one in the kernel's vxlan_core.c); a device of a smaller MTU would drop them without a word.
 */
export function passes(link: Link, mtu: number): boolean {
  return link.mtu >= mtu;
}

/** Up, and without an address of its own making (a kernel without IPv6 tells no mode and makes none). */
export function isQuiet(link: Link): boolean {
  return link.flags.includes('UP') && (link.inet6_addr_gen_mode ?? 'none') === 'none';
}

/**
 * True when it has a group. One that lost its own is in none; names of groups are the host's affair
 * (/etc/iproute2/group), so that only this can be told.
 */
export function isGrouped(link: Link): boolean {
  return link.group !== 'default';
}
