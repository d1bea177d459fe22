/** Ids that look as Docker's and xnet's do, and are the same in each run. */
import { createHash } from 'node:crypto';

/** `digits` hex digits that follow from `parts`; at most 64. */
export function hexId(digits: number, ...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(parts.join(' ')).digest('hex').slice(0, digits);
}

/** As a host's id is written. */
export function uuid(...parts: readonly (string | number)[]): string {
  const hex = hexId(32, ...parts);
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-a$4-$5');
}
