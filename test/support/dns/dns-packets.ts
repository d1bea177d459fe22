/** DNS messages made and read by another codec than ours. */
import dnsPacket, { type Answer, type DecodedPacket, type RecordType } from 'dns-packet';
import { answerQuery, type Transport } from '../../../src/dns/answers/answer.js';
import type { ZoneEndpoint } from '../../../src/dns/answers/named-endpoint.js';
import { NO_LINKS, type PossibleScopes } from '../../../src/dns/answers/scope.js';
import { NetworkZone } from '../../../src/dns/answers/zone.js';

export const RD = 0x0100;

export function queryFor(name: string, type: RecordType = 'A', more: Partial<dnsPacket.Packet> = {}): Buffer {
  return dnsPacket.encode({ type: 'query', id: 7, flags: RD, questions: [{ type, name }], ...more });
}

export function opt(udpPayloadSize: number, flags = 0): Answer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize,
    extendedRcode: 0,
    ednsVersion: 0,
    flags,
    flag_do: false,
    options: [],
  };
}

export function endpoint(id: string, more: Partial<ZoneEndpoint> = {}): ZoneEndpoint {
  return { addresses: [], names: [id], ports: [], alive: true, containerName: id, ...more };
}

export function zone(endpoints: ZoneEndpoint[], networkName = 'shop'): NetworkZone {
  return NetworkZone.build([networkName], endpoints);
}

/** Draws that leave the order as it is: Fisher and Yates swaps each item with itself. */
export const UNSHUFFLED = () => 0.999_999;

/** Of a container that is known to be in these networks, in this order, with no names of its own. */
export function certainly(zones: readonly NetworkZone[]): PossibleScopes {
  return { each: [zones.map((zone) => ({ zone, links: NO_LINKS }))], isOpen: false };
}

/** What `answerQuery` says, decoded. */
export function ask(
  zones: NetworkZone[],
  query: Buffer,
  transport: Transport = 'udp',
  random: () => number = UNSHUFFLED,
): DecodedPacket | 'forward' | 'drop' | 'wait' {
  const answer = answerQuery(query, transport, certainly(zones), random);
  return typeof answer === 'string' ? answer : dnsPacket.decode(answer);
}

/** The answers' contents in short; or the word, when there is no answer. */
export function answersTo(
  zones: NetworkZone[],
  name: string,
  type: RecordType = 'A',
  random: () => number = UNSHUFFLED,
): unknown {
  const response = ask(zones, queryFor(name, type), 'tcp', random);
  if (typeof response === 'string') return response;
  return (response.answers ?? []).map((answer) => ('data' in answer ? answer.data : answer));
}
