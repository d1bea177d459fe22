/**
 * Chains of nftables in the ingress of a device (family netdev), over netlink: written in one transaction, and read back to be
 * compared with what was written. Numbers are from linux/netfilter/nf_tables.h. Attributes are in the order in which the kernel
 * writes them.
 */
import { attributesOf, NLM_F } from '../netlink/netlink.js';
import { askNetfilter, type NetfilterMessage, nested, number32, text } from './netfilter.js';
import { changeNftables, FAMILIES, NFT } from './nft-messages.js';
import { type Expression, expression, verdict } from './nftables.js';

/** Attributes. */
const NAME = 1;
const TABLE_FLAGS = 2;
const CHAIN = { NAME: 3, HOOK: 4, POLICY: 5, TYPE: 7 } as const;
const HOOK_DEVICE = 3;
const RULE = { CHAIN: 2, EXPRESSIONS: 4 } as const;
const OBJECT = { NAME: 2, TYPE: 3, DATA: 4 } as const;
const COUNTER_PACKETS = 2;
/** NFT_OBJECT_COUNTER */
const COUNTER = 1;
const COUNTER_OBJECT = [number32(OBJECT.TYPE, COUNTER), nested(OBJECT.DATA, [])];
const NOTHING = Buffer.alloc(0);

const INGRESS = 0;
const DROP = 0;
export const LINK_HEADER = 0;
export const EXCLUSIVE = 0x200;

/** A table with one chain, in the ingress of a device, and one counter, which both have the device's name. What no rule takes is dropped. */
export interface PortTable {
  readonly table: string;
  readonly device: string;
  readonly rules: readonly (readonly Expression[])[];
}

export interface ReadPortTable {
  /** As `tableText` has it, as long as nobody has altered it. */
  readonly text: Buffer;
  /** In its counter. */
  readonly packets: number;
}

export const accept = verdict('accept');
export const drop = verdict('drop');

/** Counts the packet in a counter of the table. */
export function countIn(name: string): Expression {
  return expression('objref', [text(2, name), number32(1, COUNTER)]);
}

/** All of them, or nothing: throws as `askNetfilter`, with the errno EEXIST where one of the tables is there already. */
export function addPortTables(path: string | undefined, tables: readonly PortTable[]): void {
  const messages = tables.flatMap(({ table, device, rules }) => [
    { type: NFT.NEW_TABLE, flags: EXCLUSIVE, attributes: [text(NAME, table), number32(TABLE_FLAGS, 0)] },
    { type: NFT.NEW_OBJECT, attributes: [text(NAME, table), text(OBJECT.NAME, device), ...COUNTER_OBJECT] },
    ...ingressChain(table, device, rules),
  ]);
  writeNetdev(path, tables.map(({ table }) => table).join(', '), messages);
}

/** What `readPortTables` reads of a table that is as it was written. */
export function tableText({ device, rules }: Omit<PortTable, 'table'>): Buffer {
  const expressions = rules.map((rule) => nested(RULE.EXPRESSIONS, rule));
  const chain = [text(HOOK_DEVICE, device), number32(CHAIN.POLICY, DROP)];
  return Buffer.concat([number32(TABLE_FLAGS, 0), ...chain, ...expressions]);
}

/** By name, those for which `isWanted` is true. Throws as `askNetfilter`. */
export function readPortTables(
  path: string | undefined,
  isWanted: (table: string) => boolean,
): Map<string, ReadPortTable> {
  const list = (type: number) => listAll(path, type, isWanted);
  const parts = new Map<string, Buffer[]>();
  for (const table of list(NFT.GET_TABLE)) parts.set(nameIn(table, NAME), bytesOf(table, [TABLE_FLAGS]));
  const note = (each: Attributes, bytes: Buffer[]) => parts.get(nameIn(each, NAME))?.push(...bytes);
  // A chain whose device is gone has none in its hook.
  for (const chain of list(NFT.GET_CHAIN)) {
    const hook = attributesByType(chain.get(CHAIN.HOOK)?.value ?? NOTHING);
    note(chain, [...bytesOf(hook, [HOOK_DEVICE]), ...bytesOf(chain, [CHAIN.POLICY])]);
  }
  for (const rule of list(NFT.GET_RULE)) note(rule, bytesOf(rule, [RULE.EXPRESSIONS]));
  const packets = countPortTables(path, isWanted);
  return new Map(
    [...parts].map(([name, bytes]) => [
      name,
      { text: Buffer.concat(bytes), packets: packets.get(name) ?? 0 },
    ]),
  );
}

/** Table -> packets in its counter. Throws as `askNetfilter`. */
export function countPortTables(
  path: string | undefined,
  isWanted: (table: string) => boolean,
): Map<string, number> {
  const objects = listAll(path, NFT.GET_OBJECT, isWanted);
  return new Map(objects.map((object) => [nameIn(object, NAME), packetsOf(object)]));
}

/** In one transaction. Throws as `askNetfilter`. */
export function writeNetdev(
  path: string | undefined,
  tables: string,
  messages: readonly NetfilterMessage[],
): void {
  const created = messages.map((each) => ({
    ...{ ...each, family: FAMILIES.netdev },
    flags: (each.flags ?? 0) | NLM_F.CREATE,
  }));
  changeNftables(path, created, `nftables' table netdev ${tables}`);
}

export function ingressChain(
  table: string,
  device: string,
  rules: readonly (readonly Expression[])[],
): NetfilterMessage[] {
  const hook = nested(CHAIN.HOOK, [number32(1, INGRESS), number32(2, 0), text(HOOK_DEVICE, device)]);
  const policy = number32(CHAIN.POLICY, DROP);
  const chain = [text(NAME, table), text(CHAIN.NAME, device), hook, policy, text(CHAIN.TYPE, 'filter')];
  const inChain = [text(NAME, table), text(RULE.CHAIN, device)];
  return [
    { type: NFT.NEW_CHAIN, flags: EXCLUSIVE, attributes: chain },
    ...rules.map((rule) => ({
      ...{ type: NFT.NEW_RULE, flags: NLM_F.APPEND },
      attributes: [...inChain, nested(RULE.EXPRESSIONS, rule)],
    })),
  ];
}

function listAll(path: string | undefined, type: number, isWanted: (table: string) => boolean): Attributes[] {
  const answers = askNetfilter(
    path,
    [{ type, family: FAMILIES.netdev, flags: NLM_F.DUMP }],
    "nftables' ports",
  );
  return answers
    .map(({ attributes }) => attributesByType(attributes))
    .filter((each) => isWanted(nameIn(each, NAME)));
}

type Attributes = ReadonlyMap<number, { readonly value: Buffer; readonly bytes: Buffer }>;

function attributesByType(attributes: Buffer): Attributes {
  return new Map([...attributesOf(attributes)].map(({ type, value, bytes }) => [type, { value, bytes }]));
}

/** Of those that there are. */
function bytesOf(attributes: Attributes, types: readonly number[]): Buffer[] {
  return types.flatMap((type) => attributes.get(type)?.bytes ?? []);
}

function packetsOf(object: Attributes): number {
  const data = attributesByType(object.get(OBJECT.DATA)?.value ?? NOTHING);
  return Number(data.get(COUNTER_PACKETS)?.value.readBigUInt64BE() ?? 0n);
}

function nameIn(attributes: Attributes, type: number): string {
  return attributes.get(type)?.value.toString('latin1').replace(/\0$/, '') ?? '';
}
