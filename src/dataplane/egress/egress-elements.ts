/** The elements of the sets of `inet xnet-egress`: as words of nft, as netlink has them, and by name. Pure. */
import { Prefix } from '../../inet/prefix.js';
import type { ListedElement, SetElement } from '../../native/netfilter/set-elements.js';
import { keyOf } from '../../native/netfilter/set-elements.js';
import { ipBytes, ipText } from '../../native/netlink/texts.js';
import { EGRESS_TABLE, FAMILIES, type Family, sets } from './egress-layout.js';
import type { EgressAddress, EgressRange } from './egress-rules.js';

/** Each part of the key is from `first` to `last`, which is mostly the same. */
export interface EgressElement {
  readonly set: string;
  readonly parts: readonly { readonly first: Buffer; readonly last: Buffer }[];
}

export type SetName = keyof ReturnType<typeof sets>;

const PROTOCOLS = { tcp: 6, udp: 17 } as const;
const ANY_PROTOCOL = { first: Buffer.of(0), last: Buffer.of(255) };
const ANY_PORT = { first: Buffer.of(0, 0), last: Buffer.of(255, 255) };

export function closedElement(source: string): EgressElement {
  return { set: setOf('closed', source), parts: [single(ipBytes(source))] };
}

/** None where they are of another family than the address. */
export function addressElements(source: string, { address, ports }: EgressAddress): EgressElement[] {
  if (familyOf(source) !== familyOf(address)) return [];
  const pair = [source, address].map((each) => single(ipBytes(each)));
  if (!ports) return [{ set: setOf('addresses', source), parts: pair }];
  return ports.map(({ port, protocol }) => ({
    set: setOf('services', source),
    parts: [...pair, single(Buffer.of(PROTOCOLS[protocol])), single(portBytes(port))],
  }));
}

/** None where they are of another family than the subnet. */
export function rangeElements(source: string, { subnet, port, protocol }: EgressRange): EgressElement[] {
  if (familyOf(source) !== familyOf(subnet)) return [];
  const { first, last } = Prefix.parse(subnet);
  const destination = { first: ipBytes(`${first}`), last: ipBytes(`${last}`) };
  const start = [single(ipBytes(source)), destination];
  const make = (...end: EgressElement['parts']) => ({
    set: setOf('ranges', source),
    parts: [...start, ...end],
  });
  if (port === undefined) return [make(ANY_PROTOCOL, ANY_PORT)];
  const protocols = protocol ? [PROTOCOLS[protocol]] : Object.values(PROTOCOLS);
  return protocols.map((number) => make(single(Buffer.of(number)), single(portBytes(port))));
}

/** The container's address. */
export function sourceOf({ parts }: EgressElement): string {
  return parts[0] ? ipText(parts[0].first) : '';
}

/** What a closed container has: that it is closed, and what it may reach. */
export function elementsOf(sources: readonly string[], ranges: readonly EgressRange[]): EgressElement[] {
  return sources.flatMap((source) => [
    closedElement(source),
    ...ranges.flatMap((range) => rangeElements(source, range)),
  ]);
}

/** Of what lets through, not of what closes. */
export function isPermission({ set }: EgressElement): boolean {
  return FAMILIES.every((family) => set !== sets(family).closed);
}

/** As nft reads it; the same text is the same element. */
export function elementText({ parts }: EgressElement): string {
  return parts
    .map(({ first, last }) => (first.equals(last) ? word(first) : `${word(first)}-${word(last)}`))
    .join(' . ');
}

export function netlinkElement({ set, parts }: EgressElement, timeoutMs?: number): SetElement {
  const isRange = set.startsWith('ranges');
  return {
    ...{ family: 'inet', table: EGRESS_TABLE, set },
    key: keyOf(...parts.map(({ first }) => first)),
    ...(isRange && { last: keyOf(...parts.map(({ last }) => last)) }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  };
}

/** The inverse of `netlinkElement`. */
export function readElement(
  name: SetName,
  family: Family,
  { key, last = key }: ListedElement,
): EgressElement {
  return {
    set: sets(family)[name],
    parts: partsOf(name, family).map(({ at, length }) => ({
      first: key.subarray(at, at + length),
      last: last.subarray(at, at + length),
    })),
  };
}

/** Bytes of the parts, and where each begins: at a multiple of four. */
function partsOf(name: SetName, family: Family): { readonly at: number; readonly length: number }[] {
  const address = family === 4 ? 4 : 16;
  const service = [address, address, 1, 2];
  const lengths = {
    closed: [address],
    addresses: [address, address],
    others: [address, address, 1],
    ...{ services: service, ranges: service, refused: service },
  }[name];
  let at = 0;
  return lengths.map((length) => {
    const part = { at, length };
    at += (length + 3) & ~3;
    return part;
  });
}

function word(bytes: Buffer): string {
  if (bytes.length === 1) return `${bytes[0]}`;
  return bytes.length === 2 ? `${bytes.readUInt16BE()}` : ipText(bytes);
}

function single(bytes: Buffer) {
  return { first: bytes, last: bytes };
}

function portBytes(port: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(port);
  return bytes;
}

function setOf(name: SetName, address: string): string {
  return sets(familyOf(address))[name];
}

function familyOf(text: string): Family {
  return text.includes(':') ? 6 : 4;
}
