/** What `nft -j` lists of a routed network's table. Pure. */
import { z } from 'zod';

export interface TableState {
  readonly elements: Map<string, string>;
  /** Chain -> its hook and rules; '' -> the table's sets, maps and counters. Texts that are the same as long as these are. */
  readonly chains: ReadonlyMap<string, string>;
}

const word = z.union([z.string(), z.number()]).transform(String);
const pair = z.tuple([word, word]);
const concatenation = z.object({ concat: z.array(word) });
const set = z.object({ name: z.string(), elem: z.array(z.unknown()).default([]) });
const named = z.looseObject({ name: z.string() });
const rule = z.object({ chain: z.string(), expr: z.unknown() });

/** Throws what zod does for what is none. */
export function parseTable(objects: readonly unknown[]): TableState {
  const elements = new Map<string, string>();
  const texts = new Map<string, unknown[]>([['', []]]);
  const note = (chain: string, text: unknown) => texts.set(chain, [...(texts.get(chain) ?? []), text]);
  for (const object of objects) {
    const [[kind, value] = []] = Object.entries(object as Record<string, unknown>);
    if (kind === 'chain') note(named.parse(value).name, essenceOf(value));
    else if (kind === 'rule') note(rule.parse(value).chain, rule.parse(value).expr);
    else if (kind === 'counter') note('', essenceOf(value));
    else if (kind === 'set' || kind === 'map') {
      note('', [kind, essenceOf(value)]);
      const { name, elem } = set.parse(value);
      for (const each of elem) elements.set(...elementOf(name, each));
    }
  }
  return { elements, chains: new Map([...texts].map(([chain, text]) => [chain, JSON.stringify(text)])) };
}

function elementOf(set: string, element: unknown): [string, string] {
  if (Array.isArray(element)) {
    const [key, value] = pair.parse(element);
    return [`${set} ${key}`, value];
  }
  return [`${set} ${concatenation.parse(element).concat.join(' . ')}`, ''];
}

/** Without what the kernel numbers and counts. */
function essenceOf(value: unknown): unknown {
  const { handle: _, packets: __, bytes: ___, elem: ____, ...rest } = named.parse(value);
  return rest;
}
