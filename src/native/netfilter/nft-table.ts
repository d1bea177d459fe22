/** What a table of nftables holds, read over netlink: to be compared with what it held before, not to be understood. */
import { isXnetError } from '../../errors.js';
import { attributesOf, NLM_F } from '../netlink/netlink.js';
import {
  askNetfilter,
  type NetfilterAnswer,
  type NetfilterMessage,
  text,
  withNetfilter,
} from './netfilter.js';
import { FAMILIES, type Family, NFT, valueIn } from './nft-messages.js';
import { elementText, keyText } from './set-elements.js';

/** The first attribute of each of these is the name of the table. */
const TABLE_NAME = 1;
const SET_NAME = 2;
const SET_FLAGS = 3;
/** NFT_SET_ANONYMOUS */
const ANONYMOUS = 1;
const ELEMENTS = 3;

/**
 * What is compared of each kind; what the kernel counts, such as packets and uses, is not.
 * Table: flags. Chain: name, hook, policy, type, flags. Rule: chain, expressions. Set: name, flags, type and length of its
 * keys. Object, such as a counter: name, type.
 */
const COMPARED = [
  { type: NFT.GET_CHAIN, attributes: [3, 4, 5, 7, 10] },
  { type: NFT.GET_RULE, attributes: [2, 4] },
  { type: NFT.GET_SET, attributes: [SET_NAME, SET_FLAGS, 4, 5] },
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

/** A table that is there, as the kernel answers for it. */
interface Reading {
  readonly flags: Buffer | undefined;
  /** Its objects of one kind: the kernel lists those of all tables. `more`: attributes of what is asked for, beside the table's name. */
  readonly list: (type: number, more?: readonly Buffer[]) => readonly NetfilterAnswer[];
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
  return readIfThere(path, { family, table }, ({ flags, list }) => {
    const chains = new Map([['', textOf([flags])]]);
    const [ofChains, ofRules] = COMPARED;
    for (const chain of list(ofChains.type))
      chains.set(wordIn(chain, CHAIN_NAME), textOf(partsOf(chain, ofChains.attributes)));
    for (const rule of list(ofRules.type)) {
      const [of, ...expressions] = ofRules.attributes;
      const chain = wordIn(rule, of);
      chains.set(chain, [chains.get(chain), textOf(partsOf(rule, expressions))].join(' '));
    }
    return chains;
  });
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
  name: TableName,
  noted: readonly string[] = [],
): string | undefined {
  const contents = readContents(path, name, noted);
  return contents && [contents.structure, ...linesOf(contents.elements)].join(' ');
}

export interface TableContents {
  /** Of all but the elements of sets that have a name: the same text as long as that is the same. */
  readonly structure: string;
  /** `SET KEY`, the key as `keyText` writes it -> the value, as `elementText` does. */
  readonly elements: ReadonlyMap<string, string>;
}

/** As `readTable`, for who knows which elements there shall be. */
export function readContents(
  path: string | undefined,
  name: TableName,
  noted: readonly string[] = [],
): TableContents | undefined {
  return readIfThere(path, name, ({ flags, list }) => {
    const parts = [flags];
    for (const { type, attributes } of COMPARED)
      parts.push(...list(type).flatMap((answer) => partsOf(answer, attributes)));
    const [ofRules, named] = [new Map<string, string>(), new Map<string, string>()];
    for (const set of list(NFT.GET_SET)) {
      const word = wordIn(set, SET_NAME);
      if (noted.includes(word)) continue;
      const elements = isAnonymous(set) ? ofRules : named;
      for (const bytes of elementsIn(list(NFT.GET_ELEMENTS, [text(SET_NAME, word)])))
        elements.set(`${word} ${keyText(bytes)}`, elementText(bytes));
    }
    return { structure: [textOf(parts), ...linesOf(ofRules)].join(' '), elements: named };
  });
}

function readIfThere<T>(
  path: string | undefined,
  { family, table }: TableName,
  read: (table: Reading) => T,
): T | undefined {
  const name = text(TABLE_NAME, table);
  return withNetfilter(path, (askAll) => {
    const ask = (message: NetfilterMessage) =>
      askAll([{ ...message, family: FAMILIES[family] }], `nftables' table ${family} ${table}`);
    const list = (type: number, more: readonly Buffer[] = []) =>
      ask({ type, flags: NLM_F.DUMP, attributes: [name, ...more] }).filter((answer) =>
        findAttribute(answer, TABLE_NAME)?.equals(name),
      );
    try {
      const [found] = ask({ type: NFT.GET_TABLE, attributes: [name] });
      return read({ flags: found && findAttribute(found, TABLE_FLAGS), list });
    } catch (error: unknown) {
      if (isXnetError(error, 'KERNEL') && error.fields.errno === 'ENOENT') return undefined;
      throw error;
    }
  });
}

function partsOf(answer: NetfilterAnswer, attributes: readonly number[]): (Buffer | undefined)[] {
  return attributes.map((each) => findAttribute(answer, each));
}

function textOf(parts: readonly (Buffer | undefined)[]): string {
  return parts.map((part) => part?.toString('base64') ?? '').join(' ');
}

function wordIn({ attributes }: NetfilterAnswer, wanted: number): string {
  return valueIn(attributes, wanted)?.toString('latin1').replace(/\0$/, '') ?? '';
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

/** Of a rule, such as `tcp dport { 80, 443 }`. */
function isAnonymous({ attributes }: NetfilterAnswer): boolean {
  return ((valueIn(attributes, SET_FLAGS)?.readUInt32BE() ?? 0) & ANONYMOUS) !== 0;
}

/** In one order: the kernel lists the members of a set as it has hashed them. */
function linesOf(elements: ReadonlyMap<string, string>): string[] {
  return [...elements].map((each) => each.join(' ')).sort();
}

function elementsIn(answers: readonly NetfilterAnswer[]): Buffer[] {
  const lists = answers.flatMap((answer) => valueIn(answer.attributes, ELEMENTS) ?? []);
  return lists.flatMap((list) => [...attributesOf(list)].map(({ value }) => value));
}

/** With its header. */
function findAttribute({ attributes }: NetfilterAnswer, wanted: number): Buffer | undefined {
  for (const { type, bytes } of attributesOf(attributes)) if (type === wanted) return bytes;
  return undefined;
}
