/** What a table of nftables holds, read over netlink: to be compared with what it held before, not to be understood. */
import { isXnetError } from '../../errors.js';
import { attributesOf, NLM_F } from '../netlink/netlink.js';
import { askNetfilter, type NetfilterAnswer, type NetfilterMessage, text } from './netfilter.js';

/** linux/netfilter/nf_tables.h: messages that ask, and attributes. */
const GET = {
  TABLE: (10 << 8) | 1,
  CHAIN: (10 << 8) | 4,
  RULE: (10 << 8) | 7,
  SET: (10 << 8) | 10,
  ELEMENTS: (10 << 8) | 13,
  OBJECT: (10 << 8) | 19,
} as const;
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
  { type: GET.CHAIN, attributes: [3, 4, 5, 7, 10] },
  { type: GET.RULE, attributes: [2, 4] },
  { type: GET.SET, attributes: [SET_NAME, 3, 4, 5] },
  { type: GET.OBJECT, attributes: [2, 3] },
] as const;
const TABLE_FLAGS = 2;

/** NFPROTO_INET */
const INET = 1;

/**
 * A text that is the same as long as the table of family inet is; undefined: there is none. Takes about half a millisecond.
 * Throws what `askNetfilter` does. What changes while it is read may be in it by halves.
 */
export function readInetTable(path: string | undefined, table: string): string | undefined {
  const name = text(TABLE_NAME, table);
  const ask = (message: NetfilterMessage) =>
    askNetfilter(path, [{ ...message, family: INET }], `nftables' table inet ${table}`);
  // The kernel lists the chains of all tables.
  const dump = (type: number, attributes = [name]) =>
    ask({ type, flags: NLM_F.DUMP, attributes }).filter((answer) =>
      findAttribute(answer, TABLE_NAME)?.equals(name),
    );
  try {
    const parts = ask({ type: GET.TABLE, attributes: [name] }).map((answer) =>
      findAttribute(answer, TABLE_FLAGS),
    );
    for (const { type, attributes } of COMPARED)
      parts.push(...dump(type).flatMap((answer) => attributes.map((each) => findAttribute(answer, each))));
    for (const set of dump(GET.SET)) {
      const setName = findAttribute(set, SET_NAME) ?? Buffer.alloc(0);
      parts.push(setName, ...keysOf(dump(GET.ELEMENTS, [name, setName])));
    }
    return parts.map((part) => part?.toString('base64') ?? '').join(' ');
  } catch (error: unknown) {
    if (isXnetError(error, 'KERNEL') && error.fields.errno === 'ENOENT') return undefined;
    throw error;
  }
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

function valueIn(bytes: Buffer, wanted: number): Buffer | undefined {
  for (const { type, value } of attributesOf(bytes)) if (type === wanted) return value;
  return undefined;
}
