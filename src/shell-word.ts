/**
 * `text` as one word of a shell (sh(1), "Quoting"), whatever it contains: names come from containers, other hosts and other programs,
 * and must not become commands in a line that a person is asked to run. Names of plain characters stay as they are.
 */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
