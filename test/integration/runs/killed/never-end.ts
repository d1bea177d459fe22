import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Says that all is made that the file `name` makes. */
export function isMade(name: string): void {
  writeFileSync(join(tmpdir(), `made-${name}`), '');
}

export function neverEnd(): Promise<never> {
  return new Promise(() => setInterval(() => undefined, 1000));
}
