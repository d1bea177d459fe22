/**
 * An ingress chain of nftables and elements of maps, added over netlink without starting `nft`, which costs more than all else of
 * the attachment of an endpoint. Numbers are from linux/netfilter/nf_tables.h.
 */

import { attribute, NLM_F } from '../netlink/netlink.js';
import { ipBytes } from '../netlink/texts.js';
import { askNetfilter, type NetfilterMessage, nested, number32, text } from './netfilter.js';
import { compare, type Expression, expression, loadPayload, NETWORK_HEADER } from './nftables.js';

const SUBSYSTEM = 10;
const BATCH_BEGIN = { type: 16, resource: SUBSYSTEM } as const;
const BATCH_END = { type: 17, resource: SUBSYSTEM } as const;
const NEW_CHAIN = (SUBSYSTEM << 8) | 3;
const NEW_RULE = (SUBSYSTEM << 8) | 6;
const NEW_ELEMENTS = (SUBSYSTEM << 8) | 12;
/** NFPROTO_NETDEV */
const NETDEV = 5;
const LINK_HEADER = 0;
const INGRESS = 0;
const DROP = 0;
const GOTO = -4;
const EXCLUSIVE = 0x200;

export interface PortRules {
  /** The chain and the device in whose ingress it is. */
  readonly device: string;
  /** A frame without a VLAN's tag and with this source goes to that chain; what is of none goes to `others`. */
  readonly sources: readonly { readonly address: string; readonly chain: string }[];
  readonly others: string;
}

export interface MapElement {
  readonly map: string;
  readonly address: string;
  readonly value: Buffer;
}

/** All of it in one transaction, or nothing: throws as `askNetfilter`, also where some of it is there already. */
export function addPorts(
  path: string | undefined,
  table: string,
  ports: readonly PortRules[],
  elements: readonly MapElement[],
): void {
  const messages = [
    ...ports.flatMap((port) => chainMessages(table, port)),
    ...elements.map((element) => elementMessage(table, element)),
  ];
  const batch = messages.map((message, i) => ({
    ...message,
    family: NETDEV,
    flags: (message.flags ?? 0) | NLM_F.CREATE | (i === messages.length - 1 ? NLM_F.ACK : 0),
  }));
  askNetfilter(path, [BATCH_BEGIN, ...batch, BATCH_END], `nftables' table netdev ${table}`);
}

function chainMessages(table: string, { device, sources, others }: PortRules): NetfilterMessage[] {
  const hook = nested(4, [number32(1, INGRESS), number32(2, 0), text(3, device)]);
  const chain = [text(1, table), text(3, device), hook, number32(5, DROP), text(7, 'filter')];
  const rules = [...sources.map(({ address, chain: to }) => [...isFrom(address), goto(to)]), [goto(others)]];
  return [
    { type: NEW_CHAIN, flags: EXCLUSIVE, attributes: chain },
    ...rules.map((rule) => ({
      ...{ type: NEW_RULE, flags: NLM_F.APPEND },
      attributes: [text(1, table), text(2, device), nested(4, rule)],
    })),
  ];
}

/** The type of the frame is that of the header itself, where a VLAN's tag would stand. */
function isFrom(address: string): Expression[] {
  const bytes = ipBytes(address);
  const [etherType, offset] = bytes.length === 4 ? [0x0800, 12] : [0x86dd, 8];
  return [
    loadPayload(LINK_HEADER, 12, 2),
    compare('equal', Buffer.from([etherType >> 8, etherType & 0xff])),
    loadPayload(NETWORK_HEADER, offset, bytes.length),
    compare('equal', bytes),
  ];
}

function goto(chain: string): Expression {
  const verdictRegister = 0;
  const verdict = nested(2, [number32(1, GOTO), text(2, chain)]);
  return expression('immediate', [number32(1, verdictRegister), nested(2, [verdict])]);
}

function elementMessage(table: string, { map, address, value }: MapElement): NetfilterMessage {
  const data = (type: number, bytes: Buffer) => nested(type, [attribute(1, bytes)]);
  const element = nested(1, [data(1, ipBytes(address)), data(2, value)]);
  return {
    ...{ type: NEW_ELEMENTS, flags: EXCLUSIVE },
    attributes: [text(1, table), text(2, map), nested(3, [element])],
  };
}
