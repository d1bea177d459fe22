/**
 * What a device of a network's namespace is, in the words of `ip -d -j link show`, and what it shall be: settings, from which come
 * both the comparison and the lines that set them.
 */
/** As native/netlink/links.ts lists it. */
export interface Link {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly group?: string | undefined;
  readonly master?: string | undefined;
  readonly address?: string | undefined;
  readonly inet6_addr_gen_mode?: string | undefined;
  readonly linkinfo?:
    | {
        readonly info_kind?: string | undefined;
        readonly info_data?: Readonly<Record<string, unknown>> | undefined;
        readonly info_slave_data?: Readonly<Record<string, unknown>> | undefined;
      }
    | undefined;
}

/**
 * A device of less has no IPv6 (RFC 8200, section 5): Linux gives it no address, and refuses to set how it makes one. When it gets
 * more, it has IPv6 from then on, and makes itself an address at once if it is up (addrconf_notify in the kernel's addrconf.c).
 */
export const LEAST_IPV6_MTU = 1_280;

/** Every device is up as well, and has no IPv6 address of its own making. */
export interface Settings {
  readonly mtu: number;
  readonly group: number;
  readonly address?: string;
  /** The bridge that it is a port of, and its flags as such, by their names in `bridge_slave`. */
  readonly master?: string;
  readonly flags?: Readonly<Record<string, boolean>>;
  /** Of a bridge, by their names in `type bridge`. */
  readonly bridge?: Readonly<Record<string, number>>;
}

/**
 * Lines of `ip` for an existing device; each changes nothing where it is so already. As few as can be: each waits for the
 * kernel's one RTNL lock. The flags of a port need its master first, and `up` needs the address mode first. `formerMtu`: of the device.
 */
export function setLines(
  name: string,
  { mtu, group, address, master, flags, bridge }: Settings,
  formerMtu = mtu,
): string[] {
  const getsIpv6 = formerMtu < LEAST_IPV6_MTU && mtu >= LEAST_IPV6_MTU;
  const words = {
    ...{ mtu, group, ...(address && { address }) },
    ...(mtu >= LEAST_IPV6_MTU && { addrgenmode: 'none' }),
    ...(master && { master }),
  };
  return [
    ...(getsIpv6 ? [`link set ${name} mtu ${mtu}`] : []),
    `link set ${name} ${phrase(words)}`,
    ...(getsIpv6 ? [`addr flush dev ${name} scope link`] : []),
    ...(bridge ? [`link set ${name} type bridge ${phrase(bridge)}`] : []),
    `link set ${name} up${flags ? ` type bridge_slave ${phrase(flags)}` : ''}`,
  ];
}

/** True when they would change nothing that matters. */
export function isRight(link: Link, { mtu, address, master, flags = {}, bridge = {} }: Settings): boolean {
  return (
    link.flags.includes('UP') &&
    // A kernel without IPv6 has no mode and makes no address.
    (link.inet6_addr_gen_mode ?? 'none') === 'none' &&
    // A port that is being removed is in a group of its own.
    link.group !== 'default' &&
    (master === undefined ? link.mtu === mtu : passes(link, mtu)) &&
    holds(link, { ...(address && { address }), ...(master && { master }) }) &&
    holds(link.linkinfo?.info_data, bridge) &&
    // An older kernel does not have them all.
    holds({ ...flags, ...link.linkinfo?.info_slave_data }, flags)
  );
}

/**
 * True when packets of `mtu` bytes pass. A port made while the underlay carried more keeps its MTU: the containers of that
 * time go on sending such packets. VXLAN answers them with "fragmentation needed", or fragments its own where they allow
 * fragments (vxlan_xmit_one in the kernel's vxlan_core.c); a device of a smaller MTU would drop them without a word.
 */
function passes(link: Link, mtu: number): boolean {
  return link.mtu >= mtu;
}

/** True when every key of `wanted` has that value in `actual`. */
export function holds(actual: object | undefined, wanted: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(wanted).every(([key, value]) => (actual as Record<string, unknown>)?.[key] === value);
}

function phrase(words: Readonly<Record<string, string | number | boolean>>): string {
  const spelled = (value: string | number | boolean) =>
    value === true ? 'on' : value === false ? 'off' : value;
  return Object.entries(words)
    .map(([key, value]) => `${key} ${spelled(value)}`)
    .join(' ');
}
