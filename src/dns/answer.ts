/**
 * What a query is answered with: names and addresses of the networks that the asking sandbox is in, from the
 * endpoints of every host. Pure. Everything else is not ours and is passed on as it came.
 */
import { parseQuery, type Query } from './query.js';
import { type DnsAnswers, type DnsRecord, formatResponse, nameBytes, TYPE } from './response.js';
import type { NamedEndpoint, NetworkZone } from './zone.js';

export type Transport = 'udp' | 'tcp';

/** Length in two bytes before each message. */
export const MOST_TCP_BYTES = 65_535;

/**
 * The response, `forward` for what Docker's resolver shall answer, or `drop` for what is no query at all.
 *
 * A name that several of the networks know is answered with the endpoints of all of them. Several endpoints
 * come in an order drawn from `random` (0 to below 1); those of silent hosts are left out where there are others, since
 * clients put addresses in an order of their own (getaddrinfo, RFC 6724 rule 9). A name we know has no other
 * truth elsewhere: what we lack of it (a family, a type) is answered "nothing", never passed on.
 */
export function answerQuery(
  packet: Buffer,
  transport: Transport,
  zones: readonly NetworkZone[],
  random: () => number,
): Buffer | 'forward' | 'drop' {
  const query = parseQuery(packet);
  if (query === 'drop') return 'drop';
  if (query === 'unusual') return 'forward';
  const answers = findAnswers(query, zones, random);
  if (answers === undefined) return 'forward';
  return formatResponse(query, answers, transport === 'udp' ? query.udpBytes : MOST_TCP_BYTES);
}

function findAnswers(
  { name, type }: Query,
  zones: readonly NetworkZone[],
  random: () => number,
): DnsAnswers | undefined {
  if (name.endsWith('.arpa')) {
    const holders = collect(zones, (zone) => zone.findByReverseName(name), random);
    const names = pointers(holders);
    if (names.length > 0) return { answers: type === TYPE.PTR ? names : [] };
  }
  const endpoints = collect(zones, (zone) => zone.find(name), random);
  if (endpoints.length > 0) return { answers: addresses(endpoints, type) };
  const service = name.startsWith('_') ? parseService(name) : undefined;
  if (!service) return undefined;
  const hosts = collect(zones, (zone) => zone.find(service.name), random);
  if (hosts.length === 0) return undefined;
  return type === TYPE.SRV ? services(hosts, service) : { answers: [] };
}

/** Of all zones, shuffled; the live ones, if there are any. */
function collect(
  zones: readonly NetworkZone[],
  find: (zone: NetworkZone) => readonly NamedEndpoint[],
  random: () => number,
): readonly NamedEndpoint[] {
  const found = zones.length === 1 && zones[0] ? find(zones[0]) : zones.flatMap(find);
  if (found.length < 2) return found;
  const live = found.filter(({ alive }) => alive);
  return shuffled(live.length > 0 ? live : found, random);
}

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}

function addresses(endpoints: readonly NamedEndpoint[], type: number, owner?: string): DnsRecord[] {
  return endpoints.flatMap(({ ipv4, ipv6 }) => [
    ...(type === TYPE.A || type === TYPE.ANY
      ? ipv4.map((content) => ({ owner, type: TYPE.A, content }))
      : []),
    ...(type === TYPE.AAAA || type === TYPE.ANY
      ? ipv6.map((content) => ({ owner, type: TYPE.AAAA, content }))
      : []),
  ]);
}

function pointers(endpoints: readonly NamedEndpoint[]): DnsRecord[] {
  return endpoints.flatMap(({ fullName }) => {
    const content = fullName === undefined ? undefined : nameBytes(fullName);
    return content ? [{ type: TYPE.PTR, content }] : [];
  });
}

interface ServiceName {
  readonly port: number;
  readonly protocol: string;
  readonly name: string;
}

/** `_80._tcp.web` */
function parseService(text: string): ServiceName | undefined {
  const parts = /^_([1-9]\d{0,4})\._(tcp|udp|sctp)\.(.+)$/s.exec(text);
  if (!parts) return undefined;
  const [, port, protocol = '', name = ''] = parts;
  return Number(port) < 65_536 ? { port: Number(port), protocol, name } : undefined;
}

function services(endpoints: readonly NamedEndpoint[], { port, protocol }: ServiceName): DnsAnswers {
  const answers: DnsRecord[] = [];
  const additionals: DnsRecord[] = [];
  const targets = new Set<string>();
  for (const endpoint of endpoints) {
    const exposed = endpoint.ports.some((exposes) => exposes.port === port && exposes.protocol === protocol);
    const target = endpoint.fullName === undefined ? undefined : nameBytes(endpoint.fullName);
    if (!exposed || !target || endpoint.fullName === undefined) continue;
    additionals.push(...addresses([endpoint], TYPE.ANY, endpoint.fullName));
    // Two hosts may each have a container of that name.
    if (targets.has(endpoint.fullName)) continue;
    targets.add(endpoint.fullName);
    answers.push({ type: TYPE.SRV, content: serviceContent(port, target) });
  }
  return { answers, additionals };
}

/** Priority 0, weight 0, port, target (RFC 2782). */
function serviceContent(port: number, target: Buffer): Buffer {
  const fixed = Buffer.alloc(6);
  fixed.writeUInt16BE(port, 4);
  return Buffer.concat([fixed, target]);
}
