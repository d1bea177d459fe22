/** How an answer is printed: a table for people, JSON or YAML for programs. */
import { styleText } from 'node:util';
import { formatTable, printable, printableJson } from '../../observability/layout.js';

export const FORMATS = ['table', 'json', 'yaml'] as const;
export type Format = (typeof FORMATS)[number];

/** A column of a table: its title, and the cell of an item. */
export type Column<T> = readonly [title: string, cell: (item: T) => string | number | undefined];

/** Where a person looks: lines are cut at its width. */
export interface Screen {
  readonly columns: number;
  readonly hasColors: boolean;
}

/** undefined: it is a file or a pipe. Environment variables such as NO_COLOR are heeded. */
export function screenOf(stream: NodeJS.WriteStream): Screen | undefined {
  return stream.isTTY ? { columns: stream.columns || 80, hasColors: stream.hasColors() } : undefined;
}

/**
 * Ends the process when nobody reads any more (`xnet ... | head`): that is no failure. An answer that cannot be printed
 * otherwise, as on a full disk, is one. To be called before anything is printed.
 */
export function endWithReader(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    process.stderr.write(`xnet: cannot print the answer: ${error.message}\n`);
    process.exit(1);
  });
}

/** Pure, but for the library that YAML needs. */
export async function formatAnswer<T>(
  answer: T,
  format: Format,
  asTable: (answer: T) => string,
): Promise<string> {
  if (format === 'json') return `${printableJson(answer, 2)}\n`;
  if (format === 'yaml') return (await import('./yaml.js')).formatYaml(answer);
  return asTable(answer);
}

/** Empty cells are shown as `-`. Control characters are escaped. */
export function table<T>(items: readonly T[], columns: readonly Column<T>[], screen?: Screen): string {
  const rows = items.map((item) => columns.map(([, cell]) => cellText(cell(item))));
  const [head = '', ...lines] = formatTable([columns.map(([title]) => title), ...rows]).map((line) =>
    screen ? cut(line, screen.columns) : line,
  );
  const shown = screen?.hasColors ? [style('bold', head), ...lines.map(colour)] : [head, ...lines];
  return `${shown.join('\n')}\n`;
}

function cellText(value: string | number | undefined): string {
  const text = value === undefined ? '' : printable(`${value}`);
  return text === '' ? '-' : text;
}

function cut(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;
}

/** A silent host is looked for; what rests or is not known is of less interest. */
function colour(line: string): string {
  return line
    .replace(/(?<= )silent(?= |$)/g, style('red', 'silent'))
    .replace(/(?<= )(unknown|resting|reserved)(?= |$)/g, (word) => style('dim', word));
}

/** Whether there shall be colours is known by then: `styleText` looks at standard output itself else. */
export function style(format: 'bold' | 'red' | 'green' | 'yellow' | 'dim', text: string): string {
  return styleText(format, text, { validateStream: false });
}
