/** The devices of a network namespace, in the words of `ip -d -j link show`, as far as xnet asks for them. */

import { AF_INET, ARP_FILTER, readSetting, SETTINGS } from './arp-filter.js';
import { BRIDGE_PORT, type Decoder, KINDS } from './link-kinds.js';
import { attribute, eachAttribute, type Message } from './netlink.js';
import { listEach, listKernel } from './route.js';
import { macText } from './texts.js';

export interface ListedLink {
  readonly index: number;
  readonly ifname: string;
  /** Undefined: neither, as of a tunnel of IP packets. */
  readonly link_type?: 'ether' | 'loopback';
  /** UP; NOARP where it resolves no neighbours; LOWER_UP where there is a carrier. */
  readonly flags: readonly string[];
  readonly mtu: number;
  /** Its number; "default" for 0. */
  readonly group: string;
  /** Name of the bridge that it is a port of; undefined also when that is in another namespace. */
  readonly master?: string;
  readonly address?: string;
  /** Index of the interface below it, or of its peer. */
  readonly link_index?: number;
  /** Of the namespace in which that is, if it is another. */
  readonly link_netnsid?: number;
  readonly ifalias?: string;
  /** Its further names. */
  readonly altnames?: readonly string[];
  readonly inet6_addr_gen_mode?: string;
  /** arp_filter of the interface itself (ip-sysctl.rst), of which iproute2 prints nothing. */
  readonly filters_arp?: true;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: Readonly<Record<string, unknown>>;
    readonly info_slave_data?: Readonly<Record<string, unknown>>;
  };
}

/** linux/rtnetlink.h and if_link.h */
const GET_LINK = 18;
/** struct ifinfomsg. */
const HEADER = 16;
/** linux/if_arp.h */
const TYPES: Readonly<Record<number, 'ether' | 'loopback'>> = { 1: 'ether', 772: 'loopback' };
const FLAGS = new Map([
  [1, 'UP'],
  [1 << 7, 'NOARP'],
  [1 << 16, 'LOWER_UP'],
]);
const EXTENSIONS = { type: 29, SKIP_STATISTICS: 1 << 3 } as const;
const LINK = {
  ...{ ADDRESS: 1, NAME: 3, MTU: 4, LINK: 5, MASTER: 10, INFO: 18, ALIAS: 20, OF_FAMILY: 26, GROUP: 27 },
  ...{ LINK_NAMESPACE: 37, OF_NAMESPACE: 46, PROPERTIES: 52, ALTERNATIVE_NAME: 53 },
} as const;
const INFO = { KIND: 1, DATA: 2, PORT_KIND: 4, PORT_DATA: 5 } as const;
const AF_INET6 = 10;
const ADDRESS_MODE = 8;
const ADDRESS_MODES = ['eui64', 'none', 'stable_secret', 'random'];

/** Throws what `listKernel` does. `path`: of the namespace; undefined: this process's own. */
export async function listLinks(path: string | undefined): Promise<ListedLink[]> {
  return withMasters(await listKernel(path, request(), ASKED, decodeLink));
}

/** Of the namespaces that have these numbers in that at `path`, in this order; none of one that is gone. Throws as `listLinks`. */
export async function listLinksOf(
  path: string | undefined,
  numbers: readonly number[],
): Promise<ListedLink[][]> {
  return (
    await listEach(
      path,
      numbers.map((number) => request(number)),
      ASKED,
      decodeLink,
    )
  ).map(withMasters);
}

const ASKED = 'the list of devices';

function request(number?: number): Message {
  const skip = Buffer.alloc(4);
  skip.writeUInt32LE(EXTENSIONS.SKIP_STATISTICS);
  const mask = attribute(EXTENSIONS.type, skip);
  const attributes = number === undefined ? [mask] : [mask, numberAttribute(number)];
  return { type: GET_LINK, header: Buffer.alloc(HEADER), attributes };
}

interface DecodedLink {
  readonly link: ListedLink;
  readonly masterIndex: number;
}

function withMasters(decoded: readonly DecodedLink[]): ListedLink[] {
  const names = new Map(decoded.map(({ link }) => [link.index, link.ifname]));
  return decoded.map(({ link, masterIndex }) => {
    const master = names.get(masterIndex);
    return master === undefined ? link : { ...link, master };
  });
}

function numberAttribute(number: number): Buffer {
  const value = Buffer.alloc(4);
  value.writeInt32LE(number);
  return attribute(LINK.OF_NAMESPACE, value);
}

/** Of a link of Ethernet; undefined: it has none (WireGuard, tun), or an address of another kind (GRE, InfiniBand). */
export function linkMac({ address }: Pick<ListedLink, 'address'>): string | undefined {
  return address !== undefined && address.length === 17 ? address : undefined;
}

function decodeLink(body: Buffer): DecodedLink {
  const link: { -readonly [Key in keyof ListedLink]: ListedLink[Key] } = {
    ...{ index: body.readInt32LE(4), ifname: '', mtu: 0, group: 'default' },
    ...typeOf(body.readUInt16LE(2)),
    flags: flagsOf(body.readUInt32LE(8)),
  };
  let masterIndex = 0;
  eachAttribute(body.subarray(HEADER), (type, value) => {
    if (type === LINK.NAME) link.ifname = value.toString('latin1', 0, value.length - 1);
    else if (type === LINK.MTU) link.mtu = value.readUInt32LE();
    else if (type === LINK.GROUP && value.readUInt32LE() !== 0) link.group = `${value.readUInt32LE()}`;
    else if (type === LINK.ADDRESS) link.address = macText(value);
    else if (type === LINK.MASTER) masterIndex = value.readInt32LE();
    else if (type === LINK.LINK) link.link_index = value.readInt32LE();
    else if (type === LINK.LINK_NAMESPACE) link.link_netnsid = value.readInt32LE();
    else if (type === LINK.ALIAS) link.ifalias = wordOf(value) ?? '';
    else if (type === LINK.PROPERTIES) link.altnames = altnamesIn(value);
    else if (type === LINK.OF_FAMILY) Object.assign(link, decodeFamilies(value));
    else if (type === LINK.INFO) link.linkinfo = decodeInfo(value);
  });
  return { link, masterIndex };
}

function typeOf(number: number): Pick<ListedLink, 'link_type'> {
  const type = TYPES[number];
  return type === undefined ? {} : { link_type: type };
}

function flagsOf(bits: number): string[] {
  return [...FLAGS].flatMap(([bit, name]) => ((bits & bit) === 0 ? [] : [name]));
}

function altnamesIn(bytes: Buffer): string[] {
  const names: string[] = [];
  eachAttribute(bytes, (type, value) => {
    if (type === LINK.ALTERNATIVE_NAME) names.push(wordOf(value) ?? '');
  });
  return names;
}

function decodeFamilies(bytes: Buffer): Pick<ListedLink, 'inet6_addr_gen_mode' | 'filters_arp'> {
  const families: { inet6_addr_gen_mode?: string; filters_arp?: true } = {};
  eachAttribute(bytes, (family, ofFamily) => {
    eachAttribute(ofFamily, (type, value) => {
      if (family === AF_INET6 && type === ADDRESS_MODE) {
        const mode = value.readUInt8();
        families.inet6_addr_gen_mode = ADDRESS_MODES[mode] ?? `${mode}`;
      } else if (family === AF_INET && type === SETTINGS && readSetting(value, ARP_FILTER) !== 0)
        families.filters_arp = true;
    });
  });
  return families;
}

function decodeInfo(bytes: Buffer): NonNullable<ListedLink['linkinfo']> {
  const parts = new Map<number, Buffer>();
  eachAttribute(bytes, (type, value) => parts.set(type, value));
  const [kind, portKind] = [INFO.KIND, INFO.PORT_KIND].map((type) => wordOf(parts.get(type)));
  const [data, portData] = [parts.get(INFO.DATA), parts.get(INFO.PORT_DATA)];
  const decoders = KINDS[kind ?? ''];
  return {
    ...(kind !== undefined && { info_kind: kind }),
    ...(data && decoders && { info_data: decodeAll(data, decoders) }),
    ...(portData && portKind === 'bridge' && { info_slave_data: decodeAll(portData, BRIDGE_PORT) }),
  };
}

function decodeAll(bytes: Buffer, decoders: Readonly<Record<number, Decoder>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  eachAttribute(bytes, (type, value) => {
    const decoder = decoders[type];
    if (decoder) values[decoder[0]] = decoder[1](value);
  });
  return values;
}

/** Some are without the zero at their end. */
function wordOf(bytes: Buffer | undefined): string | undefined {
  return bytes?.toString('latin1').replace(/\0$/, '');
}
