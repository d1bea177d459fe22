/** The table of docs/compatibility.md: which feature works with which version of Docker, as tests saw it. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Lab } from './lab.js';

const PAGE = 'docs/compatibility.md';
const TABLE = /^\| feature \|.*\n(\|.*\n)+/m;

export class CompatibilityTable {
  /** Feature -> version of Docker -> "yes", or why not. */
  readonly #rows = new Map<string, Map<string, string>>();

  /** What `docker` on the host is. */
  async on(lab: Lab, host: string): Promise<CompatibilityColumn> {
    const version = await lab.docker(host, 'version', '-f', '{{.Server.Version}}');
    return new CompatibilityColumn(this.#rows, version.split('.').slice(0, 2).join('.'));
  }

  toString(): string {
    const versions = [...new Set([...this.#rows.values()].flatMap((row) => [...row.keys()]))].sort(byVersion);
    const head = ['feature', ...versions.map((version) => `Docker ${version}`)];
    const rows = [...this.#rows].map(([feature, row]) => [
      feature,
      ...versions.map((version) => row.get(version) ?? ''),
    ]);
    return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
  }
}

export class CompatibilityColumn {
  constructor(
    private readonly rows: Map<string, Map<string, string>>,
    private readonly version: string,
  ) {}

  /** `verdict`: else why not. */
  saw(feature: string, verdict = 'yes'): void {
    const row = this.rows.get(feature) ?? new Map<string, string>();
    this.rows.set(feature, row.set(this.version, verdict));
  }
}

export function readCompatibilityTable(): string {
  return TABLE.exec(readFileSync(PAGE, 'utf8'))?.[0] ?? '';
}

export function writeCompatibilityTable(table: string): void {
  writeFileSync(
    PAGE,
    readFileSync(PAGE, 'utf8').replace(TABLE, () => table),
  );
}

function byVersion(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}
