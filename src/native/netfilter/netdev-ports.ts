/**
 * An ingress chain of nftables and elements of maps, added over netlink without starting `nft`, which costs more than all else of
 * the attachment of an endpoint. Numbers are from linux/netfilter/nf_tables.h.
 */

import { attribute } from '../netlink/netlink.js';
import { ipBytes } from '../netlink/texts.js';
import { EXCLUSIVE, ingressChain, LINK_HEADER, writeNetdev } from './ingress-chain.js';
import { type NetfilterMessage, nested, number32, text } from './netfilter.js';
import { NFT } from './nft-messages.js';
import { compare, type Expression, expression, loadPayload, NETWORK_HEADER } from './nftables.js';

const GOTO = -4;

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
  writeNetdev(path, table, [
    ...ports.flatMap((port) => chainMessages(table, port)),
    ...elements.map((element) => elementMessage(table, element)),
  ]);
}

function chainMessages(table: string, { device, sources, others }: PortRules): NetfilterMessage[] {
  const rules = [...sources.map(({ address, chain: to }) => [...isFrom(address), goto(to)]), [goto(others)]];
  return ingressChain(table, device, rules);
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
    ...{ type: NFT.NEW_ELEMENTS, flags: EXCLUSIVE },
    attributes: [text(1, table), text(2, map), nested(3, [element])],
  };
}
