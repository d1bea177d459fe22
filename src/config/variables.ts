/** The environment variables that begin with XNET_: settings, and the few that mean something to others. */
import { listSettings } from './schema.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** No settings of `xnet serve`, and known for all that. */
const OTHERS = [
  // The keeper's: the socket that is open before the daemon starts (plugin/entrypoint, bin/xnet).
  'XNET_LISTEN_FIRST',
  // The Debian package's (plugin/host/deb/prerm).
  'XNET_REMOVE',
];

/** The lab's and the tests', which xnet may be started by. */
const OF_TESTS = /^XNET_LAB(_|$)/;

/** The settings among the variables, by key. An empty variable counts as not set: managed plugins have all of theirs, mostly empty. */
export function readVariables(environment: Environment): Record<string, string | undefined> {
  const settings = listSettings().filter(({ variable }) => environment[variable]);
  return Object.fromEntries(settings.map(({ key, variable }) => [key, environment[variable]]));
}

/** One line for each variable that looks like a setting and is none, so that a misspelt one is not passed over. Pure. */
export function describeUnknownVariables(environment: Environment): string[] {
  const known = listSettings().map(({ variable }) => variable);
  return Object.keys(environment)
    .filter((name) => /^XNET_/i.test(name) && environment[name])
    .filter((name) => ![...known, ...OTHERS].includes(name) && !OF_TESTS.test(name))
    .map((name) => `  ${name} (environment): ${unknownText(name, known)}`);
}

/** For a name that is none of `known`. */
export function unknownText(name: string, known: readonly string[]): string {
  const nearest = findNearest(name, known);
  return nearest === undefined
    ? `unknown; known are ${known.join(', ')}`
    : `unknown; did you mean ${nearest}?`;
}

/** The known word that a misspelt one most likely stands for; undefined when none is near. */
function findNearest(word: string, known: readonly string[]): string | undefined {
  const reach = Math.max(2, Math.floor(word.length / 4));
  const ranked = known
    .map((each) => ({ each, distance: editDistance(word.toLowerCase(), each.toLowerCase()) }))
    .filter(({ distance }) => distance <= reach)
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.each;
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment distance). */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const choices = [at(rows, i - 1, j) + 1, (row[j - 1] ?? 0) + 1, at(rows, i - 1, j - 1) + cost];
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        choices.push(at(rows, i - 2, j - 2) + 1);
      row.push(Math.min(...choices));
    }
    rows.push(row);
  }
  return at(rows, a.length, b.length);
}

function at(rows: readonly (readonly number[])[], i: number, j: number): number {
  return rows[i]?.[j] ?? 0;
}
