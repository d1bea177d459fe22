/**
 * The rules of `portRules`, copied from those that were made once for owners with as many addresses: to make them anew, expression by
 * expression, takes as long as the kernel takes to add them. Pure, but for what it remembers.
 */
import { linkLocalOf } from '../../inet/mac-address.js';
import { ipBytes } from '../../native/netlink/texts.js';
import { type PortOwner, portRules } from './port-rules.js';

interface Stamp {
  /** All rules, one behind the other, as they are of an owner that nobody is. */
  readonly bytes: Buffer;
  /** Where each rule ends. */
  readonly ends: readonly number[];
  /** Where a part of the owner stands; `part`: its place in `partsOf`. */
  readonly places: readonly { readonly at: number; readonly part: number }[];
}

const stamps = new Map<string, Stamp>();

/** Each rule is the bytes of all its expressions. */
export function stampedRules(owner: PortOwner): Buffer[] {
  const { bytes, ends, places } = stampFor(owner);
  const copy = Buffer.from(bytes);
  const parts = partsOf(owner);
  for (const { at, part } of places) parts[part]?.copy(copy, at);
  return ends.map((end, rule) => copy.subarray(ends[rule - 1] ?? 0, end));
}

function stampFor({ name, addresses }: PortOwner): Stamp {
  const form = [name.length, ...addresses.map(familyOf)].join(' ');
  const stamp = stamps.get(form) ?? cut(nobody(name.length, addresses));
  stamps.set(form, stamp);
  return stamp;
}

function cut(owner: PortOwner): Stamp {
  const rules = portRules(owner).map((rule) => Buffer.concat(rule));
  const bytes = Buffer.concat(rules);
  let end = 0;
  const ends = rules.map(({ length }) => {
    end += length;
    return end;
  });
  const places = partsOf(owner).flatMap((part, index) =>
    placesIn(bytes, part).map((at) => ({ at, part: index })),
  );
  return { bytes, ends, places };
}

/** What the rules have of their owner. */
function partsOf({ name, mac, addresses }: PortOwner): Buffer[] {
  const texts = [...addresses, linkLocalOf(mac)];
  return [Buffer.from(name), Buffer.from(mac.replaceAll(':', ''), 'hex'), ...texts.map(ipBytes)];
}

/** With parts that stand nowhere else in the rules, none of them within another. */
function nobody(nameLength: number, addresses: readonly string[]): PortOwner {
  const address = (family: 4 | 6, index: number) =>
    family === 4
      ? `211.167.145.${index}`
      : `d3a7:91b3:${(0xe5c7 + index).toString(16)}:bd97:d5ab:8fe9:b9a3:97d1`;
  return {
    name: '~'.repeat(nameLength),
    mac: '02:b5:c9:e3:97:8d',
    addresses: addresses.map((each, index) => address(familyOf(each), index)),
  };
}

function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}

function placesIn(bytes: Buffer, part: Buffer): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(part); at >= 0; at = bytes.indexOf(part, at + 1)) places.push(at);
  return places;
}
