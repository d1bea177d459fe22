/** Characters that are not shown as themselves, and may act on a terminal. */
const ACTING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * `text` as one word of a shell (sh(1), "Quoting"), whatever it contains: names come from containers, other hosts and other programs,
 * and must not become commands in a line that a person is asked to run. Names of plain characters stay as they are.
 */
export function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return text.replaceAll('\n', '').search(ACTING) < 0
    ? `'${text.replaceAll("'", `'\\''`)}'`
    : escapedWord(text);
}

/** In the form that has escapes (POSIX 2024, "Dollar-Single-Quotes"): what would act on a terminal is not in it. */
function escapedWord(text: string): string {
  const inside = text
    .replaceAll(/['\\]/g, '\\$&')
    .replaceAll(ACTING, (character) => Buffer.from(character).toString('hex').replaceAll(/../g, '\\x$&'));
  return `$'${inside}'`;
}
