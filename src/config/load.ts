/** Reads the settings from defaults < configuration file < XNET_* variables < flags. */
import { readFileSync } from 'node:fs';
import { errorMessage, XnetError } from '../errors.js';
import { type Config, configSchema, listSettings } from './schema.js';

export const DEFAULT_CONFIG_FILE = '/etc/xnet/xnet.json';

type Values = Record<string, unknown>;

export interface ConfigSources {
  /** Values of flags by key, as far as given. */
  readonly flags: Values;
  readonly environment?: NodeJS.ProcessEnv;
  /** Must exist when given; otherwise the default file is read if it is there. */
  readonly file?: string | undefined;
}

/**
 * Returns the frozen configuration. Throws INVALID with one line for each wrong setting: source, key, value
 * and rule. Passwords are never in the message.
 */
export function loadConfig({ flags, environment = process.env, file }: ConfigSources): Config {
  const sources = [
    { name: `file ${file ?? DEFAULT_CONFIG_FILE}`, values: readConfigFile(file) },
    { name: 'environment', values: readEnvironment(environment) },
    { name: 'flags', values: flags },
  ];
  const values: Values = Object.assign({}, ...sources.map((source) => source.values));
  const parsed = configSchema.safeParse(values);
  if (parsed.success) return Object.freeze(withPasswordFile(parsed.data));
  const lines = parsed.error.issues.flatMap((issue) => describeIssue(issue, values, sources));
  throw new XnetError('INVALID', `xnet cannot start with this configuration:\n${lines.join('\n')}`);
}

function readConfigFile(file: string | undefined): Values {
  let text: string;
  try {
    text = readFileSync(file ?? DEFAULT_CONFIG_FILE, 'utf8');
  } catch (error) {
    if (file === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new XnetError('INVALID', `configuration file cannot be read: ${errorMessage(error)}`);
  }
  try {
    const values: unknown = JSON.parse(text);
    if (typeof values === 'object' && values !== null && !Array.isArray(values)) return values as Values;
  } catch (error) {
    throw new XnetError(
      'INVALID',
      `configuration file ${file ?? DEFAULT_CONFIG_FILE} is not JSON: ${errorMessage(error)}`,
    );
  }
  throw new XnetError(
    'INVALID',
    `configuration file ${file ?? DEFAULT_CONFIG_FILE} must hold one JSON object`,
  );
}

/** An empty variable counts as not set: managed plugins have all of theirs, mostly empty. */
function readEnvironment(environment: NodeJS.ProcessEnv): Values {
  const settings = listSettings().filter(({ variable }) => environment[variable]);
  return Object.fromEntries(settings.map(({ key, variable }) => [key, environment[variable]]));
}

function describeIssue(
  issue: { code?: string; path: PropertyKey[]; message: string; keys?: string[]; input?: unknown },
  values: Values,
  sources: readonly { name: string; values: Values }[],
): string[] {
  const sourceOf = (key: string) => sources.findLast((source) => key in source.values)?.name ?? 'default';
  if (issue.code === 'unrecognized_keys') {
    const known = listSettings().map((setting) => setting.key);
    return (issue.keys ?? []).map(
      (key) => `  ${key} (${sourceOf(key)}): unknown; known are ${known.join(', ')}`,
    );
  }
  const key = String(issue.path[0]);
  const value = /password/i.test(key) ? '(hidden)' : JSON.stringify(values[key]);
  return [`  ${key} = ${value} (${sourceOf(key)}): ${issue.message}`];
}

function withPasswordFile(config: Config): Config {
  if (!config.etcdPasswordFile) return config;
  try {
    return { ...config, etcdPassword: readFileSync(config.etcdPasswordFile, 'utf8').trimEnd() };
  } catch (error) {
    throw new XnetError('INVALID', `etcdPasswordFile cannot be read: ${errorMessage(error)}`);
  }
}
