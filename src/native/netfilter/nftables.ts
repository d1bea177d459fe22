/**
 * nftables over netlink: rules in one transaction without starting `nft`, which costs more than all else of a container's start
 * (docs/decisions/0020). Each function takes about a millisecond, but for `replaceRules`
 * where there were rules, and throws what `askNetfilter` does. The names are those that
 * `nft --debug=netlink` prints; the numbers are from linux/netfilter/nf_tables.h and nfnetlink.h. Attributes are in the order in
 * which the kernel writes them.
 */
import { isXnetError } from '../../errors.js';
import { attribute, attributesOf, NLM_F } from '../netlink/netlink.js';
import { askNetfilter, type NetfilterMessage, nested, number32, text } from './netfilter.js';
import { changeNftables, FAMILIES, NFT } from './nft-messages.js';

/** Attributes (NFTA_TABLE_..., NFTA_CHAIN_..., NFTA_RULE_...). */
const TABLE = { NAME: 1, FLAGS: 2 } as const;
const CHAIN = { TABLE: 1, NAME: 3, HOOK: 4, POLICY: 5, TYPE: 7 } as const;
const RULE = { TABLE: 1, CHAIN: 2, EXPRESSIONS: 4 } as const;
const DROP = 0;
const ACCEPT = 1;
/** No flags: of a dormant table no packet meets a rule. */
const AWAKE = number32(TABLE.FLAGS, 0);

/** A chain in the hook of packets that the namespace itself sends, in a table of family ip. */
export interface OutputChain {
  readonly type: 'nat' | 'filter';
  readonly table: string;
  readonly chain: string;
  /** Lower comes first. */
  readonly priority: number;
}

export type Expression = Buffer;

/**
 * Makes the table and the chain where they are missing, and `rules` the only ones in the chain. Throws with nothing changed.
 * Where there were rules, it takes some 10 ms more, in which the kernel waits until no packet meets them (RCU).
 */
export function replaceRules(path: string, where: OutputChain, rules: readonly Expression[][]): void {
  const inChain = chainOf(where);
  const messages: NetfilterMessage[] = [
    { type: NFT.NEW_TABLE, flags: NLM_F.CREATE, attributes: [tableOf(where), AWAKE] },
    { type: NFT.NEW_CHAIN, flags: NLM_F.CREATE, attributes: chainAttributes(where) },
    { type: NFT.DELETE_RULE, attributes: inChain },
    ...rules.map((rule) => ({
      type: NFT.NEW_RULE,
      flags: NLM_F.CREATE | NLM_F.APPEND,
      attributes: [...inChain, expressionsOf(rule)],
    })),
  ];
  const inIp = messages.map((message) => ({ ...message, family: FAMILIES.ip }));
  changeNftables(path, inIp, askedFor(where));
}

/** What `readRules` reads after `replaceRules`, unless this kernel writes attributes in another order than here. */
export function writtenRules(where: OutputChain, rules: readonly Expression[][]): Buffer {
  const policy = number32(CHAIN.POLICY, ACCEPT);
  return Buffer.concat([AWAKE, hookOf(where), policy, ...rules.map(expressionsOf)]);
}

/**
 * The table's flags, the chain's hook and policy, and the expressions of its rules, as the kernel writes them; empty where
 * there is no such chain.
 */
export function readRules(path: string, where: OutputChain): Buffer {
  const chain = [text(CHAIN.TABLE, where.table), text(CHAIN.NAME, where.chain)];
  try {
    return Buffer.concat([
      ...ask(path, where, { type: NFT.GET_TABLE, attributes: [tableOf(where)] }, [TABLE.FLAGS]),
      ...ask(path, where, { type: NFT.GET_CHAIN, attributes: chain }, [CHAIN.HOOK, CHAIN.POLICY]),
      ...ask(path, where, { type: NFT.GET_RULE, flags: NLM_F.DUMP, attributes: chainOf(where) }, [
        RULE.EXPRESSIONS,
      ]),
    ]);
  } catch (error: unknown) {
    if (isXnetError(error, 'KERNEL') && error.fields.errno === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

export const NETWORK_HEADER = 1;
export const TRANSPORT_HEADER = 2;
export const FIRST_REGISTER = 1;
export const SECOND_REGISTER = 2;

/** Bytes of a header into the first register. */
export function loadPayload(base: number, offset: number, length: number): Expression {
  const attributes = [FIRST_REGISTER, base, offset, length].map((value, i) => number32(i + 1, value));
  return expression('payload', attributes);
}

/** The packet's protocol (one byte) into the first register. */
export function loadProtocol(): Expression {
  return loadMeta(16);
}

/** The packet's mark into the first register. */
export function loadMark(): Expression {
  return loadMeta(3);
}

/** Goes on with the next expression if the first register is, or is not, `value`; else with the next rule. */
export function compare(is: 'equal' | 'unequal', value: Buffer): Expression {
  const operator = number32(2, is === 'equal' ? 0 : 1);
  return expression('cmp', [number32(1, FIRST_REGISTER), operator, data(3, value)]);
}

/** Whether the packet is of the connection's answer: one byte into the first register, 1 if it is. */
export function loadDirection(): Expression {
  const direction = 1;
  return expression('ct', [number32(1, FIRST_REGISTER), number32(2, direction)]);
}

/** Ends the rule and the chain. */
export function verdict(is: 'accept' | 'drop'): Expression {
  const verdictRegister = 0;
  const code = nested(2, [number32(1, is === 'accept' ? ACCEPT : DROP)]);
  return expression('immediate', [number32(1, verdictRegister), nested(2, [code])]);
}

export function setRegister(register: number, value: Buffer): Expression {
  return expression('immediate', [number32(1, register), data(2, value)]);
}

/** The first register becomes the mark of the packet's connection. */
export function setConnectionMark(): Expression {
  return expression('ct', [number32(4, FIRST_REGISTER), number32(2, 3)]);
}

/** The packet, and those of its connection, go to the address in the first register and the port in the second. */
export function translateDestination(): Expression {
  const destination = 1;
  const first = [3, 4].map((bound) => number32(bound, FIRST_REGISTER));
  const second = [5, 6].map((bound) => number32(bound, SECOND_REGISTER));
  /** NF_NAT_RANGE_MAP_IPS and NF_NAT_RANGE_PROTO_SPECIFIED. */
  const addressAndPort = 3;
  return expression('nat', [
    number32(1, destination),
    number32(2, FAMILIES.ip),
    ...first,
    ...second,
    number32(7, addressAndPort),
  ]);
}

function loadMeta(key: number): Expression {
  return expression('meta', [number32(2, key), number32(1, FIRST_REGISTER)]);
}

function data(type: number, value: Buffer): Buffer {
  return nested(type, [attribute(1, value)]);
}

export function expression(name: string, attributes: readonly Buffer[]): Expression {
  return nested(1, [text(1, name), nested(2, attributes)]);
}

function tableOf({ table }: OutputChain): Buffer {
  return text(TABLE.NAME, table);
}

function chainAttributes(where: OutputChain): Buffer[] {
  return [
    text(CHAIN.TABLE, where.table),
    text(CHAIN.NAME, where.chain),
    hookOf(where),
    number32(CHAIN.POLICY, ACCEPT),
    text(CHAIN.TYPE, where.type),
  ];
}

function hookOf({ priority }: OutputChain): Buffer {
  const output = 3;
  return nested(CHAIN.HOOK, [number32(1, output), number32(2, priority)]);
}

function chainOf({ table, chain }: OutputChain): Buffer[] {
  return [text(RULE.TABLE, table), text(RULE.CHAIN, chain)];
}

function expressionsOf(rule: readonly Expression[]): Buffer {
  return nested(RULE.EXPRESSIONS, rule);
}

/** The attributes of the answers that are `wanted`, as the kernel writes them. */
function ask(
  path: string,
  where: OutputChain,
  request: NetfilterMessage,
  wanted: readonly number[],
): Buffer[] {
  const answers = askNetfilter(path, [{ ...request, family: FAMILIES.ip }], askedFor(where));
  return answers.flatMap(({ attributes }) =>
    [...attributesOf(attributes)].flatMap(({ type, bytes }) => (wanted.includes(type) ? [bytes] : [])),
  );
}

function askedFor({ table }: OutputChain): string {
  return `nftables' table ip ${table} in a sandbox`;
}
