/**
 * `text` as one word of a shell (sh(1), "Quoting"): names that a container has given, such as those of its interfaces, must not become
 * commands in a line that a person is told to run.
 */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
