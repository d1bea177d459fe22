/**
 * Elements of nftables' sets over netlink: added, refreshed, deleted and listed without starting `nft`. Numbers are from
 * linux/netfilter/nf_tables.h. Each function takes a fraction of a millisecond, and throws what `askNetfilter` does.
 */
import { attribute, attributesOf, NLM_F } from '../netlink/netlink.js';
import { askNetfilter, type NetfilterMessage, nested, text } from './netfilter.js';

const SUBSYSTEM = 10;
const BATCH_BEGIN = { type: 16, resource: SUBSYSTEM } as const;
const BATCH_END = { type: 17, resource: SUBSYSTEM } as const;
const NEW_ELEMENTS = (SUBSYSTEM << 8) | 12;
const GET_ELEMENTS = (SUBSYSTEM << 8) | 13;
const DELETE_ELEMENTS = (SUBSYSTEM << 8) | 14;
const LIST = { TABLE: 1, SET: 2, ELEMENTS: 3 } as const;
const ELEMENT = { KEY: 1, TIMEOUT: 4, EXPIRATION: 5, EXPRESSION: 7, KEY_END: 10 } as const;
const EXPRESSION_DATA = 2;
const COUNTER_PACKETS = 2;
const VALUE = 1;

/** NFPROTO_... */
export const FAMILY = { inet: 1, bridge: 7 } as const;

export interface NftSet {
  readonly family: keyof typeof FAMILY;
  readonly table: string;
  readonly set: string;
}

export interface SetElement extends NftSet {
  /** As `keyOf` makes it. */
  readonly key: Buffer;
  /** Of a set of intervals: the last key that is in it. */
  readonly last?: Buffer | undefined;
  /** Of a set with timeouts. */
  readonly timeoutMs?: number | undefined;
}

export interface ElementChange {
  readonly verb: 'add' | 'delete';
  readonly element: SetElement;
}

/** The parts of a concatenation: each begins at a multiple of 4 bytes. */
export function keyOf(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts.map((part) => Buffer.concat([part, Buffer.alloc(-part.length & 3)])));
}

/** In one transaction, or nothing: also ENOENT where one to be deleted is absent. What is there already may be added. */
export function changeElements(path: string | undefined, changes: readonly ElementChange[]): void {
  if (changes.length === 0) return;
  const batch = changes.map(({ verb, element }, i) => ({
    ...(verb === 'add' ? { type: NEW_ELEMENTS, flags: NLM_F.CREATE } : { type: DELETE_ELEMENTS, flags: 0 }),
    family: FAMILY[element.family],
    attributes: attributesFor(element),
    isLast: i === changes.length - 1,
  }));
  const messages = batch.map(
    ({ isLast, flags, ...message }): NetfilterMessage => ({
      ...message,
      flags: flags | (isLast ? NLM_F.ACK : 0),
    }),
  );
  const [{ element }] = changes as readonly [ElementChange];
  askNetfilter(path, [BATCH_BEGIN, ...messages, BATCH_END], askedFor(element));
}

export interface ListedElement {
  readonly key: Buffer;
  readonly last?: Buffer;
  readonly expiresMs?: number;
  /** Of an element that counts. */
  readonly packets?: number;
}

/** In the kernel's order. ENOENT: there is no such set. */
export function listElements(path: string | undefined, set: NftSet): ListedElement[] {
  const attributes = [text(LIST.TABLE, set.table), text(LIST.SET, set.set)];
  const message = { type: GET_ELEMENTS, flags: NLM_F.DUMP, family: FAMILY[set.family], attributes };
  const answers = askNetfilter(path, [message], askedFor(set));
  return answers.flatMap(({ attributes: bytes }) =>
    [...attributesOf(find(bytes, LIST.ELEMENTS) ?? Buffer.alloc(0))].map(({ value }) => decode(value)),
  );
}

function decode(bytes: Buffer): ListedElement {
  const last = find(bytes, ELEMENT.KEY_END);
  const expires = find(bytes, ELEMENT.EXPIRATION);
  const expression = find(bytes, ELEMENT.EXPRESSION);
  const counter = expression && find(expression, EXPRESSION_DATA);
  const packets = counter && find(counter, COUNTER_PACKETS);
  return {
    key: bytesOf(find(bytes, ELEMENT.KEY)),
    ...(last && { last: bytesOf(last) }),
    ...(expires && { expiresMs: Number(expires.readBigUInt64BE()) }),
    ...(packets && { packets: Number(packets.readBigUInt64BE()) }),
  };
}

function attributesFor({ table, set, key, last, timeoutMs }: SetElement): Buffer[] {
  const data = (type: number, bytes: Buffer) => nested(type, [attribute(VALUE, bytes)]);
  const element = nested(1, [
    data(ELEMENT.KEY, key),
    ...(last ? [data(ELEMENT.KEY_END, last)] : []),
    ...(timeoutMs === undefined ? [] : [attribute(ELEMENT.TIMEOUT, number64(timeoutMs))]),
  ]);
  return [text(LIST.TABLE, table), text(LIST.SET, set), nested(LIST.ELEMENTS, [element])];
}

function number64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function bytesOf(data: Buffer | undefined): Buffer {
  return Buffer.from((data && find(data, VALUE)) ?? Buffer.alloc(0));
}

function find(bytes: Buffer, wanted: number): Buffer | undefined {
  for (const { type, value } of attributesOf(bytes)) if (type === wanted) return value;
  return undefined;
}

function askedFor({ family, table, set }: NftSet): string {
  return `nftables' set ${set} of table ${family} ${table}`;
}
