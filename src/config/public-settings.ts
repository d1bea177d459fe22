import type { Config, ConfigKey } from './schema.js';

/** Settings that anybody may see. One that is not named here is shown as set, without its value: a new one is a secret at first. */
const PUBLIC: readonly ConfigKey[] = [
  ...([
    'store',
    'prefix',
    'interface',
    'vtep',
    'parents',
    'vxlanPort',
    'defaultPools',
    'scope',
    'plainName',
  ] as const),
  ...(['socket', 'adminSocket', 'dockerHost', 'stateDir'] as const),
  ...(['restSeconds', 'reserve', 'logLevel', 'logFormat'] as const),
];

/** By key, as a person would write them; those without a value are absent. Pure. */
export function publicSettings(config: Config): Record<string, string> {
  const set = Object.entries(config).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    set.map(([key, value]) => [key, PUBLIC.some((each) => each === key) ? textOf(value) : '(set)']),
  );
}

function textOf(value: unknown): string {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return Object.entries(value)
      .map((pair) => pair.join('='))
      .join(',');
  if (!Array.isArray(value)) return `${value}`;
  return value.map(({ range, length }) => `${range}:${length}`).join(',');
}
