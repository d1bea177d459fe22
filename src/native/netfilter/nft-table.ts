/** What a table of nftables holds, read over netlink: to be compared with what it held before, not to be understood. */
import { isXnetError } from '../../errors.js';
import { attributesOf, NLM_F } from '../netlink/netlink.js';
import { askNetfilter, type NetfilterAnswer, type NetfilterMessage, text } from './netfilter.js';
import { FAMILIES, type Family, NFT, valueIn } from './nft-messages.js';

/** The first attribute of each of these is the name of the table. */
const TABLE_NAME = 1;
const SET_NAME = 2;
const ELEMENTS = 3;
const ELEMENT_KEY = 1;

/**
 * What is compared of each kind; what the kernel counts, such as packets and uses, is not.
 * Table: flags. Chain: name, hook, policy, type, flags. Rule: chain, expressions. Set: name, flags, type and length of its
 * keys. Object, such as a counter: name, type.
 */
const COMPARED = [
  { type: NFT.GET_CHAIN, attributes: [3, 4, 5, 7, 10] },
  { type: NFT.GET_RULE, attributes: [2, 4] },
  { type: NFT.GET_SET, attributes: [SET_NAME, 3, 4, 5] },
  { type: NFT.GET_OBJECT, attributes: [2, 3] },
] as const;
const TABLE_FLAGS = 2;
const CHAIN_NAME = 3;

/** NFTA_OBJ_NAME and NFTA_OBJ_DATA, and in that NFTA_COUNTER_PACKETS. */
const OBJECT = { NAME: 2, CONTENT: 4 } as const;
const COUNTER_PACKETS = 2;

export interface TableName {
  readonly family: Family;
  readonly table: string;
}

/**
 * The chains of a table, each as a text that is the same as long as the chain, its hook and its rules are; the flags of the table are
 * under the name that is empty. Undefined: there is no such table. Throws what `askNetfilter` does.
 */
export function readChains(
  path: string | undefined,
  family: Family,
  table: string,
): Map<string, string> | undefined {
  const name = text(TABLE_NAME, table);
  const ask = (message: NetfilterMessage) =>
    askNetfilter(path, [{ ...message, family: FAMILIES[family] }], `nftables' table ${family} ${table}`);
  const dump = (type: number) =>
    ask({ type, flags: NLM_F.DUMP, attributes: [name] }).filter((answer) =>
      findAttribute(answer, TABLE_NAME)?.equals(name),
    );
  try {
    const [found] = ask({ type: NFT.GET_TABLE, attributes: [name] });
    const chains = new Map([['', textOf(found && findAttribute(found, TABLE_FLAGS))]]);
    const [ofChains, ofRules] = COMPARED;
    for (const chain of dump(NFT.GET_CHAIN))
      chains.set(
        wordIn(chain, CHAIN_NAME),
        ofChains.attributes.map((each) => textOf(findAttribute(chain, each))).join(' '),
      );
    for (const rule of dump(NFT.GET_RULE)) {
      const [chain, ...expressions] = ofRules.attributes;
      const of = wordIn(rule, chain);
      const words = expressions.map((each) => textOf(findAttribute(rule, each)));
      chains.set(of, [chains.get(of), ...words].join(' '));
    }
    return chains;
  } catch (error: unknown) {
    if (isXnetError(error, 'KERNEL') && error.fields.errno === 'ENOENT') return undefined;
    throw error;
  }
}

function textOf(bytes: Buffer | undefined): string {
  return bytes?.toString('base64') ?? '';
}

function wordIn({ attributes }: NetfilterAnswer, wanted: number): string {
  return valueIn(attributes, wanted)?.toString('latin1').replace(/\0$/, '') ?? '';
}

/**
 * A text that is the same as long as the table of family inet is; undefined: there is none. Takes about half a millisecond.
 * Throws what `askNetfilter` does. What changes while it is read may be in it by halves.
 */
export function readInetTable(path: string | undefined, table: string): string | undefined {
  return readTable(path, { family: 'inet', table });
}

/** As `readInetTable`, of any family. The elements of the sets `noted` are left out: the packets themselves write them. */
export function readTable(
  path: string | undefined,
  { family, table }: TableName,
  noted: readonly string[] = [],
): string | undefined {
  const name = text(TABLE_NAME, table);
  const left = noted.map((set) => text(SET_NAME, set));
  const ask = (message: NetfilterMessage) =>
    askNetfilter(path, [{ ...message, family: FAMILIES[family] }], `nftables' table ${family} ${table}`);
  // The kernel lists the chains of all tables.
  const dump = (type: number, attributes = [name]) =>
    ask({ type, flags: NLM_F.DUMP, attributes }).filter((answer) =>
      findAttribute(answer, TABLE_NAME)?.equals(name),
    );
  try {
    const parts = ask({ type: NFT.GET_TABLE, attributes: [name] }).map((answer) =>
      findAttribute(answer, TABLE_FLAGS),
    );
    for (const { type, attributes } of COMPARED)
      parts.push(...dump(type).flatMap((answer) => attributes.map((each) => findAttribute(answer, each))));
    for (const set of dump(NFT.GET_SET)) {
      const setName = findAttribute(set, SET_NAME) ?? Buffer.alloc(0);
      if (left.some((each) => each.equals(setName))) continue;
      parts.push(setName, ...keysOf(dump(NFT.GET_ELEMENTS, [name, setName])));
    }
    return parts.map((part) => part?.toString('base64') ?? '').join(' ');
  } catch (error: unknown) {
    if (isXnetError(error, 'KERNEL') && error.fields.errno === 'ENOENT') return undefined;
    throw error;
  }
}

/** Packets that each counter of the table has counted; none without a table. Starts no program. Throws as `readInetTable`. */
export function readCounters(path: string | undefined, { family, table }: TableName): Map<string, number> {
  const attributes = [text(TABLE_NAME, table)];
  const message = { family: FAMILIES[family], type: NFT.GET_OBJECT, flags: NLM_F.DUMP, attributes };
  const answers = askNetfilter(path, [message], `counters of nftables' table ${family} ${table}`).filter(
    (answer) => findAttribute(answer, TABLE_NAME)?.equals(text(TABLE_NAME, table)),
  );
  return new Map(
    answers.map(({ attributes: of }) => {
      const [name, counted] = [valueIn(of, OBJECT.NAME), valueIn(of, OBJECT.CONTENT)];
      const packets = counted && valueIn(counted, COUNTER_PACKETS);
      return [`${name}`.replace(/\0$/, ''), Number(packets?.readBigUInt64BE() ?? 0)];
    }),
  );
}

/** In one order: the kernel lists the members of a set as it has hashed them. */
function keysOf(answers: readonly NetfilterAnswer[]): Buffer[] {
  const lists = answers.flatMap((answer) => valueIn(answer.attributes, ELEMENTS) ?? []);
  const keys = lists.flatMap((list) =>
    [...attributesOf(list)].flatMap(({ value }) => valueIn(value, ELEMENT_KEY) ?? []),
  );
  return keys.sort(Buffer.compare);
}

/** With its header. */
function findAttribute({ attributes }: NetfilterAnswer, wanted: number): Buffer | undefined {
  for (const { type, bytes } of attributesOf(attributes)) if (type === wanted) return bytes;
  return undefined;
}
