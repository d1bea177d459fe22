/** Whether what a rule compares holds for a packet. Pure. */
import type { TracedPacket } from '../inspection.js';
import { isWithin } from './within.js';

export interface Condition {
  readonly field:
    | 'source'
    | 'destination'
    | 'protocol'
    | 'source port'
    | 'port'
    | 'interface'
    | 'family'
    | 'state'
    | 'icmp type'
    | 'other';
  readonly isNot: boolean;
  /** One of them must hold: addresses, prefixes, ranges (`a-b`), numbers, words. */
  readonly values: readonly string[];
}

/** An address that is not known is empty. */
export interface PacketAt extends TracedPacket {
  /** By which it comes or goes. */
  readonly interface: string | undefined;
}

export type Held = 'yes' | 'no' | 'maybe';

/** Whether the rule with these conditions takes the packet. `maybe`: it compares what is not read here, or not known of the packet. */
export function holds(conditions: readonly Condition[], packet: PacketAt): Held {
  const held = conditions.map((condition) => holdsOne(condition, packet));
  return held.includes('no') ? 'no' : held.includes('maybe') ? 'maybe' : 'yes';
}

/** Whether a rule compares the port with this one, or with a range or a set that has it. */
export function namesPort(conditions: readonly Condition[], port: number): boolean {
  return conditions.some(
    ({ field, isNot, values }) =>
      field === 'port' && !isNot && values.some((each) => isPort(`${port}`, each) === 'yes'),
  );
}

function holdsOne({ field, isNot, values }: Condition, packet: PacketAt): Held {
  if (field === 'other') return 'maybe';
  const value = readField(field, packet);
  // What the caller does not know of it.
  if (value === '') return 'maybe';
  // A packet without ports matches no rule of ports.
  if (value === undefined) return field === 'interface' ? 'maybe' : 'no';
  const held = values.map((each) => isOne(field, value, each));
  if (held.includes('yes')) return isNot ? 'no' : 'yes';
  if (held.includes('maybe')) return 'maybe';
  return isNot ? 'yes' : 'no';
}

function readField(field: Exclude<Condition['field'], 'other'>, packet: PacketAt): string | undefined {
  const { isAnswer, protocol, port } = packet;
  const ofServer = port === undefined ? undefined : `${port}`;
  // The client's port is chosen by the kernel.
  const ofClient = port === undefined ? undefined : 'a port of the client';
  switch (field) {
    case 'family':
      return packet.destination === '' ? '' : packet.destination.includes(':') ? 'ipv6' : 'ipv4';
    case 'source':
      return packet.source;
    case 'destination':
      return packet.destination;
    case 'protocol':
      return protocol === 'icmp' && packet.source.includes(':') ? 'icmpv6' : protocol;
    case 'source port':
      return isAnswer ? ofServer : ofClient;
    case 'port':
      return isAnswer ? ofClient : ofServer;
    case 'interface':
      return packet.interface;
    case 'state':
      return isAnswer ? 'established' : 'new';
    case 'icmp type':
      return protocol === 'icmp' ? (isAnswer ? 'echo-reply' : 'echo-request') : undefined;
  }
}

function isOne(field: Condition['field'], value: string, wanted: string): Held {
  if (field === 'source' || field === 'destination') return isWithin(value, wanted);
  if (field === 'port' || field === 'source port') return isPort(value, wanted);
  // A set with a name, or an element of another form.
  if (wanted.startsWith('@')) return 'maybe';
  // Any that begin so: the first is of iptables, the second of nft.
  if (field === 'interface' && /[+*]$/.test(wanted))
    return value.startsWith(wanted.slice(0, -1)) ? 'yes' : 'no';
  return value === wanted.toLowerCase() ? 'yes' : 'no';
}

function isPort(value: string, wanted: string): Held {
  const [first = Number.NaN, last = first] = wanted.split('-').map(Number);
  const port = Number(value);
  if (Number.isNaN(port) || Number.isNaN(first)) return first === 0 && last === 65_535 ? 'yes' : 'maybe';
  return first <= port && port <= last ? 'yes' : 'no';
}
