/** The elements of a table's sets and maps, by name: `direct4 10.1.0.2` -> its value; of a set the value is empty. Pure. */
import type { Difference } from '../changes.js';

/** nft reads a line as a whole. */
const MOST_IN_LINE = 500;

/** Lines of one transaction that make the differences in the table, named with its family: what is gone first, since the same key may come with another value. */
export function elementLines(table: string, differences: readonly Difference<string>[]): string[] {
  const gone = differences.filter(({ observed }) => observed !== undefined);
  const come = differences.filter(({ desired }) => desired !== undefined);
  return [
    ...linesOf(`delete element ${table}`, gone, ({ key }) => keyOf(key)),
    ...linesOf(`add element ${table}`, come, ({ key, desired }) =>
      desired === '' ? keyOf(key) : `${keyOf(key)} : ${desired}`,
    ),
  ];
}

function linesOf(
  verb: string,
  differences: readonly Difference<string>[],
  text: (difference: Difference<string>) => string,
): string[] {
  const bySet = new Map<string, string[]>();
  for (const each of differences) {
    const set = setOf(each.key);
    const texts = bySet.get(set) ?? [];
    bySet.set(set, texts);
    texts.push(text(each));
  }
  return [...bySet].flatMap(([set, texts]) =>
    Array.from({ length: Math.ceil(texts.length / MOST_IN_LINE) }, (_, i) => {
      const some = texts.slice(i * MOST_IN_LINE, (i + 1) * MOST_IN_LINE);
      return `${verb} ${set} { ${some.join(', ')} }`;
    }),
  );
}

function setOf(name: string): string {
  return name.slice(0, name.indexOf(' '));
}

function keyOf(name: string): string {
  return name.slice(name.indexOf(' ') + 1);
}
