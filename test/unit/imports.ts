/** Which file imports what, for the laws about it. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

export interface Import {
  readonly from: string;
  readonly specifier: string;
}

/** More than these nobody sees at a glance. */
export const MOST_FILES = 14;

/** Paths below `root` of all files with one of these endings. */
export function filesOf(root: string, endings: readonly string[]): string[] {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' });
  return paths.filter((path) => endings.some((ending) => path.endsWith(ending)));
}

export function importsOf(root: string, files: readonly string[]): Import[] {
  return files.flatMap((from) =>
    [...readFileSync(join(root, from), 'utf8').matchAll(/(?:from|import\(|import)\s*'([^']+)'/g)].map(
      (match): Import => ({ from, specifier: match[1] as string }),
    ),
  );
}

/** Those of files, as paths from `root` on. */
export function ownImports(root: string, imports: readonly Import[]): { from: string; to: string }[] {
  return imports
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ from, specifier }) => ({ from, to: relative(root, resolve(root, from, '..', specifier)) }));
}

/** The folders that have more than MOST_FILES of these files, with how many. */
export function crowded(files: readonly string[]): [folder: string, count: number][] {
  const counts = new Map<string, number>();
  for (const path of files) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > MOST_FILES);
}

/** Those that import themselves by way of others. */
export function circular(imports: readonly (readonly [importer: string, target: string])[]): string[] {
  const edges = new Map<string, Set<string>>();
  for (const [importer, target] of imports) {
    if (importer !== target) edges.set(importer, (edges.get(importer) ?? new Set()).add(target));
  }
  const reaches = (room: string, wanted: string, seen = new Set<string>()): boolean =>
    [...(edges.get(room) ?? [])].some((next) => {
      if (next === wanted) return true;
      if (seen.has(next)) return false;
      return reaches(next, wanted, seen.add(next));
    });
  return [...edges.keys()].filter((room) => reaches(room, room));
}
