/**
 * Elements of nftables' sets over netlink: added, refreshed, deleted and listed without starting `nft`. Numbers are from
 * linux/netfilter/nf_tables.h. Each function takes a fraction of a millisecond, and throws what `askNetfilter` does.
 */
import { attribute, attributesOf, NLM_F } from '../netlink/netlink.js';
import { askNetfilter, nested, number32, text } from './netfilter.js';
import { changeNftables, FAMILIES, type Family, NFT, valueIn } from './nft-messages.js';

const LIST = { TABLE: 1, SET: 2, ELEMENTS: 3 } as const;
const ELEMENT = { KEY: 1, DATA: 2, FLAGS: 3, TIMEOUT: 4, EXPIRATION: 5, EXPRESSION: 7, KEY_END: 10 } as const;
const EXPRESSION_DATA = 2;
const COUNTER_PACKETS = 2;
const VALUE = 1;
/** Of data that is a verdict, and in that. */
const VERDICT = 2;
const VERDICT_CODE = 1;
const VERDICT_CHAIN = 2;
const GOTO = -4;

export interface NftSet {
  readonly family: Family;
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
  /** Of a map of verdicts, where one is added: the chain to which it goes. */
  readonly goto?: string | undefined;
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
  const messages = changes.map(({ verb, element }) => ({
    ...(verb === 'add' ? { type: NFT.NEW_ELEMENTS, flags: NLM_F.CREATE } : { type: NFT.DELETE_ELEMENTS }),
    family: FAMILIES[element.family],
    attributes: attributesFor(element),
  }));
  const [{ element }] = changes as readonly [ElementChange];
  changeNftables(path, messages, askedFor(element));
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
  const message = { type: NFT.GET_ELEMENTS, flags: NLM_F.DUMP, family: FAMILIES[set.family], attributes };
  const answers = askNetfilter(path, [message], askedFor(set));
  return answers.flatMap(({ attributes: bytes }) =>
    [...attributesOf(valueIn(bytes, LIST.ELEMENTS) ?? Buffer.alloc(0))].map(({ value }) => decode(value)),
  );
}

function decode(bytes: Buffer): ListedElement {
  const last = valueIn(bytes, ELEMENT.KEY_END);
  const expires = valueIn(bytes, ELEMENT.EXPIRATION);
  const expression = valueIn(bytes, ELEMENT.EXPRESSION);
  const counter = expression && valueIn(expression, EXPRESSION_DATA);
  const packets = counter && valueIn(counter, COUNTER_PACKETS);
  return {
    key: bytesOf(valueIn(bytes, ELEMENT.KEY)),
    ...(last && { last: bytesOf(last) }),
    ...(expires && { expiresMs: Number(expires.readBigUInt64BE()) }),
    ...(packets && { packets: Number(packets.readBigUInt64BE()) }),
  };
}

/** The key of an element as the kernel lists it: a text for each key, and with what ends it in a set of intervals. */
export function keyText(element: Buffer): string {
  const flags = valueIn(element, ELEMENT.FLAGS);
  const last = valueIn(element, ELEMENT.KEY_END);
  return [bytesOf(valueIn(element, ELEMENT.KEY)), flags, last && bytesOf(last)].map(hex).join(' ').trimEnd();
}

/** What the element of a map leads to: the chain, or bytes; empty for an element of a set. */
export function elementText(element: Buffer): string {
  const content = valueIn(element, ELEMENT.DATA);
  const verdict = content && valueIn(content, VERDICT);
  if (!verdict) return content ? hex(bytesOf(content)) : '';
  const chain = valueIn(verdict, VERDICT_CHAIN)?.toString('latin1').replace(/\0$/, '') ?? '';
  return `${valueIn(verdict, VERDICT_CODE)?.readInt32BE()} ${chain}`;
}

/** As `keyText` and `elementText` write an element when it is there. */
export function textsOf({ key, goto }: SetElement): readonly [key: string, value: string] {
  return [hex(key), goto === undefined ? '' : `${GOTO} ${goto}`];
}

function hex(bytes: Buffer | undefined): string {
  return bytes?.toString('hex') ?? '';
}

function attributesFor({ table, set, key, last, timeoutMs, goto }: SetElement): Buffer[] {
  const data = (type: number, bytes: Buffer) => nested(type, [attribute(VALUE, bytes)]);
  const element = nested(1, [
    data(ELEMENT.KEY, key),
    ...(goto === undefined ? [] : [nested(ELEMENT.DATA, [verdictOf(goto)])]),
    ...(last ? [data(ELEMENT.KEY_END, last)] : []),
    ...(timeoutMs === undefined ? [] : [attribute(ELEMENT.TIMEOUT, number64(timeoutMs))]),
  ]);
  return [text(LIST.TABLE, table), text(LIST.SET, set), nested(LIST.ELEMENTS, [element])];
}

function verdictOf(chain: string): Buffer {
  return nested(VERDICT, [number32(VERDICT_CODE, GOTO), text(VERDICT_CHAIN, chain)]);
}

function number64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function bytesOf(data: Buffer | undefined): Buffer {
  return Buffer.from((data && valueIn(data, VALUE)) ?? Buffer.alloc(0));
}

function askedFor({ family, table, set }: NftSet): string {
  return `nftables' set ${set} of table ${family} ${table}`;
}
