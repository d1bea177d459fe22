/** The environment variables that begin with XNET_: settings, and the few that mean something to others. */
import { findNearest } from './nearest.js';
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
