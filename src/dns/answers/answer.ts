/**
 * What a query is answered with: names and addresses of the networks that the asking container is in, from the
 * endpoints of every host. Pure. Everything else is not ours and is passed on as it came.
 */

import type { NamedEndpoint } from './named-endpoint.js';
import { parseQuery, type Query } from './query.js';
import { type DnsAnswers, type DnsRecord, formatResponse } from './response.js';
import { type Found, findByName, findByReverseName, type PossibleScopes, type Scopes } from './scope.js';
import { MOST_TCP_BYTES, nameBytes, TYPE } from './wire.js';

export type Transport = 'udp' | 'tcp';

/** What a query comes to; `wait`: that depends on which container asks, which will soon be known. */
export type Answer = Buffer | 'forward' | 'drop' | 'wait';

/**
 * The response, `forward` for what Docker's resolver shall answer, or `drop` for what is no query at all.
 *
 * Several endpoints of one name come in an order drawn from `random` (0 to below 1); those of silent hosts are left out
 * where there are others, since clients put addresses in an order of their own (getaddrinfo, RFC 6724 rule 9). A name we
 * know has no other truth elsewhere: what we lack of it (a family, a type) is answered "nothing", never passed on.
 */
export function answerQuery(
  packet: Buffer,
  transport: Transport,
  possible: PossibleScopes,
  random: () => number,
): Answer {
  const query = parseQuery(packet);
  if (typeof query === 'string') return query;
  for (const { find, mayAnswer, toAnswers } of lookUpsOf(query)) {
    const found = findInAll(possible, find);
    if (found === 'wait') return 'wait';
    const answers = found && toAnswers(liveShuffled(found, mayAnswer, random));
    if (answers) return formatResponse(query, answers, transport === 'udp' ? query.udpBytes : MOST_TCP_BYTES);
  }
  return 'forward';
}

/** One way to read a query. */
interface LookUp {
  find(scopes: Scopes): Found;
  /** False for those whom `toAnswers` has no use for: nothing is drawn of them. */
  mayAnswer(endpoint: NamedEndpoint): boolean;
  /** Undefined: that was not what was asked for. */
  toAnswers(endpoints: Iterable<NamedEndpoint>): DnsAnswers | undefined;
}

function lookUpsOf({ name, type }: Query): LookUp[] {
  const lookUps: LookUp[] = [
    {
      find: (scopes) => findByName(scopes, name),
      mayAnswer: ({ mayHaveIpv4, mayHaveIpv6 }) =>
        (mayHaveIpv4 && isForIpv4(type)) || (mayHaveIpv6 && isForIpv6(type)),
      toAnswers: (endpoints) => ({ answers: addresses(endpoints, type) }),
    },
  ];
  if (name.endsWith('.arpa')) lookUps.unshift(reverseLookUp(name, type));
  const service = name.startsWith('_') ? parseService(name) : undefined;
  if (service) lookUps.push(serviceLookUp(service, type));
  return lookUps;
}

function reverseLookUp(name: string, type: number): LookUp {
  return {
    find: (scopes) => findByReverseName(scopes, name),
    mayAnswer: () => true,
    toAnswers: (endpoints) => {
      const names = pointers(endpoints);
      return names.length === 0 ? undefined : { answers: type === TYPE.PTR ? names : [] };
    },
  };
}

function serviceLookUp(service: ServiceName, type: number): LookUp {
  return {
    find: (scopes) => findByName(scopes, service.name),
    mayAnswer: (endpoint) => type === TYPE.SRV && exposes(endpoint, service),
    toAnswers: (endpoints) => (type === TYPE.SRV ? services(endpoints, service) : { answers: [] }),
  };
}

/** What all that the container may be have in common. A zone gives the same array for the same name. */
function findInAll({ each, isOpen }: PossibleScopes, find: LookUp['find']): Found | 'wait' {
  const [first = [], ...others] = each;
  const found = find(first);
  if (others.some((scopes) => find(scopes) !== found)) return 'wait';
  return isOpen && found !== undefined ? 'wait' : found;
}

/** Drawn one by one: of the thousands that a name may have, an answer needs as many as fit. */
function* liveShuffled(
  found: readonly NamedEndpoint[],
  mayAnswer: LookUp['mayAnswer'],
  random: () => number,
): Iterable<NamedEndpoint> {
  const isAnyAlive = found.some(({ alive }) => alive);
  for (const endpoint of shuffled(found.filter(mayAnswer), random))
    if (endpoint.alive || !isAnyAlive) yield endpoint;
}

/** Fisher and Yates. */
function* shuffled<T>(items: readonly T[], random: () => number): Iterable<T> {
  const left = [...items];
  for (let first = 0; first < left.length; first++) {
    const other = left.length - 1 - Math.floor(random() * (left.length - first));
    const drawn = left[other] as T;
    left[other] = left[first] as T;
    yield drawn;
  }
}

function* addresses(endpoints: Iterable<NamedEndpoint>, type: number, owner?: string): Iterable<DnsRecord> {
  for (const { ipv4, ipv6 } of endpoints) {
    if (isForIpv4(type)) for (const content of ipv4) yield { owner, type: TYPE.A, content };
    if (isForIpv6(type)) for (const content of ipv6) yield { owner, type: TYPE.AAAA, content };
  }
}

function isForIpv4(type: number): boolean {
  return type === TYPE.A || type === TYPE.ANY;
}

function isForIpv6(type: number): boolean {
  return type === TYPE.AAAA || type === TYPE.ANY;
}

function pointers(endpoints: Iterable<NamedEndpoint>): DnsRecord[] {
  return [...endpoints].flatMap(({ fullName }) => {
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

function exposes({ ports }: NamedEndpoint, service: ServiceName): boolean {
  return ports.some(({ port, protocol }) => port === service.port && protocol === service.protocol);
}

/** Of endpoints that expose it. The additionals are those of the answers that have been taken. */
function services(endpoints: Iterable<NamedEndpoint>, service: ServiceName): DnsAnswers {
  const additionals: DnsRecord[] = [];
  return { answers: serviceAnswers(endpoints, service, additionals), additionals };
}

function* serviceAnswers(
  endpoints: Iterable<NamedEndpoint>,
  { port }: ServiceName,
  additionals: DnsRecord[],
): Iterable<DnsRecord> {
  const targets = new Set<string>();
  for (const endpoint of endpoints) {
    const { fullName } = endpoint;
    const target = fullName === undefined ? undefined : nameBytes(fullName);
    if (!target || fullName === undefined) continue;
    additionals.push(...addresses([endpoint], TYPE.ANY, fullName));
    // Two hosts may each have a container of that name.
    if (targets.has(fullName)) continue;
    targets.add(fullName);
    yield { type: TYPE.SRV, content: serviceContent(port, target) };
  }
}

/** Priority 0, weight 0, port, target (RFC 2782). */
function serviceContent(port: number, target: Buffer): Buffer {
  const fixed = Buffer.alloc(6);
  fixed.writeUInt16BE(port, 4);
  return Buffer.concat([fixed, target]);
}
