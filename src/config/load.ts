/** Reads the settings from defaults < configuration file < XNET_* variables < flags. */
import { readFileSync } from 'node:fs';
import { errorMessage, XnetError } from '../errors.js';
import { type Config, configSchema, listSettings } from './schema.js';
import { readSettingFile } from './store-settings.js';

export const DEFAULT_CONFIG_FILE = '/etc/xnet/xnet.json';

/** No settings of `xnet serve`, and known for all that. */
const OTHERS = [
  // The keeper's: the socket that is open before the daemon starts (plugin/entrypoint, bin/xnet).
  'XNET_LISTEN_FIRST',
  // The Debian package's (plugin/host/deb/prerm).
  'XNET_REMOVE',
];

/** The lab's and the tests', which xnet may be started by. */
const OF_TESTS = /^XNET_LAB(_|$)/;

type Values = Record<string, unknown>;

export interface ConfigSources {
  /** Values of flags by key, as far as given. */
  readonly flags: Values;
  readonly environment?: NodeJS.ProcessEnv;
  /** Must exist when given; otherwise the default file is read if it is there. */
  readonly file?: string | undefined;
}

interface Source {
  readonly values: Values;
  /** A setting as it is written there, without a value for one that is unknown: it may be a secret. */
  readonly format: (key: string, value?: string) => string;
}

/**
 * Returns the frozen configuration. Throws INVALID with one line for each wrong setting: what was written where, and
 * the rule. Passwords are never in the message.
 */
export function loadConfig({ flags, environment = process.env, file }: ConfigSources): Config {
  const sources: Source[] = [
    {
      values: readConfigFile(file),
      format: (key, value) => `${join(key, ' = ', value)} (file ${file ?? DEFAULT_CONFIG_FILE})`,
    },
    { values: readVariables(environment), format: (key, value) => join(nameOf(key, 'variable'), '=', value) },
    { values: flags, format: (key, value) => join(nameOf(key, 'flag'), ' ', value) },
  ];
  const values: Values = Object.assign({}, ...sources.map((source) => source.values));
  const unknown = describeUnknownVariables(environment);
  const parsed = configSchema.safeParse(values);
  if (parsed.success && unknown.length === 0) return Object.freeze(withPasswordFile(parsed.data));
  const issues = parsed.error?.issues ?? [];
  const lines = [...unknown, ...issues.flatMap((issue) => describeIssue(issue, values, sources))];
  throw new XnetError('INVALID', `xnet cannot start with this configuration:\n${lines.join('\n')}`);
}

function readConfigFile(file: string | undefined): Values {
  const path = file ?? DEFAULT_CONFIG_FILE;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (file === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new XnetError('INVALID', `configuration file cannot be read: ${errorMessage(error)}`);
  }
  try {
    const values: unknown = JSON.parse(text);
    if (typeof values === 'object' && values !== null && !Array.isArray(values)) return values as Values;
  } catch (error) {
    const reason = withoutExcerpt(errorMessage(error));
    throw new XnetError('INVALID', `configuration file ${path} is not JSON: ${reason}`);
  }
  throw new XnetError('INVALID', `configuration file ${path} must hold one JSON object`);
}

/** V8 quotes what is around the fault, which may be a part of a password: `Unexpected token 'h', ..."sword": hunter2"... is ...`. */
function withoutExcerpt(reason: string): string {
  return reason.replace(/, (\.\.\.)?"[\s\S]*/, '');
}

function describeIssue(
  issue: { code?: string; path: PropertyKey[]; message: string; keys?: string[] },
  values: Values,
  sources: readonly Source[],
): string[] {
  const written = (key: string, value?: string) =>
    sources.findLast((each) => key in each.values)?.format(key, value) ?? join(key, ' = ', value);
  if (issue.code === 'unrecognized_keys') {
    const known = listSettings().map((setting) => setting.key);
    return (issue.keys ?? []).map((key) => `  ${written(key)}: ${unknownText(key, known)}`);
  }
  const key = String(issue.path[0]);
  return [
    `  ${written(key, key === 'etcdPassword' ? '(hidden)' : formatValue(values[key]))}: ${issue.message}`,
  ];
}

function join(name: string, between: string, value: string | undefined): string {
  return value === undefined ? name : `${name}${between}${value}`;
}

/** As a person would write it: quotes only where they are needed. */
function formatValue(value: unknown): string {
  const shown = typeof value === 'string' ? value.replace(/\/\/.*@/, '//(hidden)@') : value;
  return typeof shown === 'string' && /^[^\s"']+$/.test(shown) ? shown : JSON.stringify(shown);
}

function nameOf(key: string, what: 'flag' | 'variable'): string {
  return listSettings().find((setting) => setting.key === key)?.[what] ?? key;
}

function withPasswordFile(config: Config): Config {
  const { etcdPasswordFile: path } = config;
  if (path === undefined) return config;
  return { ...config, etcdPassword: readSettingFile('etcdPasswordFile', path).trimEnd() };
}

/** The settings among the variables, by key. An empty variable counts as not set: managed plugins have all of theirs, mostly empty. */
function readVariables(environment: NodeJS.ProcessEnv): Record<string, string | undefined> {
  const settings = listSettings().filter(({ variable }) => environment[variable]);
  return Object.fromEntries(settings.map(({ key, variable }) => [key, environment[variable]]));
}

/** One line for each variable that looks like a setting and is none, so that a misspelt one is not passed over. Pure. */
function describeUnknownVariables(environment: NodeJS.ProcessEnv): string[] {
  const known = listSettings().map(({ variable }) => variable);
  return Object.keys(environment)
    .filter((name) => /^XNET_/i.test(name) && environment[name])
    .filter((name) => ![...known, ...OTHERS].includes(name) && !OF_TESTS.test(name))
    .map((name) => `  ${name} (environment): ${unknownText(name, known)}`);
}

/** For a name that is none of `known`. */
function unknownText(name: string, known: readonly string[]): string {
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
