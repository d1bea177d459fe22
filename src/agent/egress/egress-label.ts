/**
 * What a container may reach outside, as its label says it: `github.com,*.npmjs.org:443,10.0.0.0/8:443/tcp`. Pure.
 */
import { XnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
import { quoted } from '../../inet/quoted.js';

export const EGRESS_LABEL = 'xnet.egress.allow';

/** Absent: every port and protocol. Without `protocol`: of TCP and UDP. */
interface Port {
  readonly port?: number;
  readonly protocol?: 'tcp' | 'udp';
}

/** `name` in small letters; with `isWildcard` all names below it, not the name itself. */
export interface AllowedName extends Port {
  readonly name: string;
  readonly isWildcard: boolean;
}

export interface AllowedRange extends Port {
  /** Canonical, with the length of its prefix. */
  readonly subnet: string;
}

export interface EgressAllow {
  readonly names: readonly AllowedName[];
  readonly ranges: readonly AllowedRange[];
}

export const NOTHING_ALLOWED: EgressAllow = { names: [], ranges: [] };

/** Letters, digits, hyphens and underscores, as programs ask for them; two labels at least. */
const NAME = /^(\*\.)?((?:[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)$/;
const MOST_NAME = 253;
/** The target of an entry, its port, its protocol. An IPv6 address with a port is in brackets. */
const ENTRY =
  /^(\[[^\]]*\](?:\/\d+)?|[^[\]:]*|[0-9a-f:.]*:[0-9a-f:.]*(?:\/\d+)?)(?::(\d{1,5})(?:\/([a-z]+))?)?$/;

/** Of a label that is absent, nothing. Throws INVALID naming the entry and the rule. */
export function parseEgressAllow(text = ''): EgressAllow {
  const entries = text
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
    .map(parseEntry);
  const ranges = entries.flatMap((entry) => ('subnet' in entry ? [entry] : []));
  return {
    names: entries.flatMap((entry) => ('name' in entry ? [entry] : [])),
    ranges: ranges.filter((range, i) => !ranges.some((other, j) => i !== j && isWithin(range, other, i < j))),
  };
}

/** The entries that allow this name (in small letters, without the dot at its end). */
export function entriesFor(allow: EgressAllow, name: string): AllowedName[] {
  return allow.names.filter((each) =>
    each.isWildcard ? name.endsWith(`.${each.name}`) : name === each.name,
  );
}

function parseEntry(entry: string): AllowedName | AllowedRange {
  const [, target, port, protocol] = ENTRY.exec(entry) ?? [];
  if (target === undefined)
    throw refused(entry, 'is not NAME, *.NAME, ADDRESS or SUBNET, and then :PORT or :PORT/tcp or :PORT/udp');
  const ofPort = parsePort(entry, port, protocol);
  const subnet = parseSubnet(entry, target);
  if (subnet !== undefined) return { subnet, ...ofPort };
  const [, wildcard, name = ''] = NAME.exec(target) ?? [];
  if (name === '' || name.length > MOST_NAME)
    throw refused(
      entry,
      'does not begin with a host name of two labels at least, such as github.com or *.github.com, an address or a subnet',
    );
  return { name, isWildcard: wildcard !== undefined, ...ofPort };
}

function parsePort(entry: string, port: string | undefined, protocol: string | undefined): Port {
  if (port === undefined) return {};
  const number = Number(port);
  if (number < 1 || number > 65_535) throw refused(entry, 'has a port that is not from 1 to 65535');
  if (protocol === undefined) return { port: number };
  if (protocol !== 'tcp' && protocol !== 'udp') throw refused(entry, 'has a protocol that is not tcp or udp');
  return { port: number, protocol };
}

/** Undefined: it is none. */
function parseSubnet(entry: string, target: string): string | undefined {
  const plain = target.replace(/[[\]]/g, '');
  if (!plain.includes(':') && !/^[\d.]+(\/|$)/.test(plain)) return undefined;
  try {
    if (plain.includes('/')) return `${Prefix.parse(plain)}`;
    const address = IpAddress.parse(plain);
    return `${address}/${address.family === 4 ? 32 : 128}`;
  } catch (error: unknown) {
    throw refused(entry, `is refused: ${error instanceof Error ? error.message : error}`);
  }
}

/** Whether all that `range` lets through `other` does, too; of two that are equal the first is kept. */
function isWithin(range: AllowedRange, other: AllowedRange, isFirst: boolean): boolean {
  const [inner, outer] = [Prefix.parse(range.subnet), Prefix.parse(other.subnet)];
  if (!outer.covers(inner)) return false;
  if (other.port !== undefined && other.port !== range.port) return false;
  if (other.protocol !== undefined && other.protocol !== range.protocol) return false;
  const isEqual = inner.equals(outer) && range.port === other.port && range.protocol === other.protocol;
  return !(isEqual && isFirst);
}

function refused(entry: string, why: string): XnetError {
  return new XnetError(
    'INVALID',
    `${quoted(entry)} in the label ${EGRESS_LABEL} ${why}; start the container again with another label`,
  );
}
