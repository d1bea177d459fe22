const SHOWN_CHARACTERS = 60;

/** `text` in quotes for an error message: control characters escaped, cut to a readable length. */
export function quoted(text: string): string {
  if (text.length <= SHOWN_CHARACTERS) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, SHOWN_CHARACTERS))}... (${text.length} characters)`;
}
