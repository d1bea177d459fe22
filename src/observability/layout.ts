/** Text for people: nothing that names of any length and content can break. Pure. */

/** Of a name in a line with other things. */
const LONGEST_NAME = 48;

/**
 * What does anything on a terminal but show itself: control characters, Unicode's own line ends, and what changes the direction, by
 * which a text reads otherwise than it is.
 */
export const ACTING =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** Such characters, which could write anything on a terminal, are shown escaped. */
export function printable(text: string): string {
  return text.replaceAll(ACTING, (character) => (character === '\n' ? ' ' : escaped(character)));
}

/** Those that JSON leaves as they are. A list of a large cluster has a million line ends, which are none of them. */
const ACTING_IN_JSON = new RegExp(ACTING.source.replace('\\u0000-\\u001f', ''), 'g');

/** JSON in which such characters stand escaped: for programs the value is the same. `indent`: blanks; absent: it is one line. */
export function printableJson(value: unknown, indent?: number): string {
  return (JSON.stringify(value, undefined, indent) ?? 'null').replaceAll(ACTING_IN_JSON, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A name, cut where it would push all else out of sight; `--json` has it whole. */
export function shortName(name: string): string {
  const text = printable(name);
  return text.length <= LONGEST_NAME ? text : `${text.slice(0, LONGEST_NAME - 3)}...`;
}

/** Columns as wide as their longest cell, two blanks apart. */
export function formatTable(rows: readonly (readonly string[])[]): string[] {
  const columns = greatest(rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    greatest(rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Of any number of them: Math.max takes some hundred thousand arguments at most. */
function greatest(numbers: readonly number[]): number {
  return numbers.reduce((most, each) => Math.max(most, each), 0);
}
