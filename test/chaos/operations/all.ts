import type { Kind } from '../operation.js';
import { CLOCK_KINDS } from './clock.js';
import { CONTAINER_KINDS } from './containers.js';
import { DRIFT_KINDS } from './drift.js';
import { IDENTITY_KINDS } from './identity.js';
import { MAC_KINDS } from './macs.js';
import { NETWORK_KINDS } from './networks.js';
import { OUTAGE_KINDS } from './outages.js';
import { RESTORE_KINDS } from './restores.js';
import { SERVICE_KINDS } from './services.js';

/** By what `--without` calls them: a group leaves out all of its kinds. */
export const GROUPS: Readonly<Record<string, readonly Kind[]>> = {
  containers: CONTAINER_KINDS,
  macs: MAC_KINDS,
  networks: NETWORK_KINDS,
  services: SERVICE_KINDS,
  outages: OUTAGE_KINDS,
  restores: RESTORE_KINDS,
  drift: DRIFT_KINDS,
  clock: CLOCK_KINDS,
  identity: IDENTITY_KINDS,
};

/** All kinds less those that are named, each by itself or by its group. Throws for a name that is neither. */
export function kindsWithout(names: readonly string[]): Kind[] {
  const all = Object.values(GROUPS).flat();
  const unknown = names.find((name) => !(name in GROUPS) && !all.some((kind) => kind.name === name));
  if (unknown !== undefined) {
    const known = Object.entries(GROUPS).map(
      ([group, kinds]) => `${group} (${kinds.map(({ name }) => name).join(' ')})`,
    );
    throw new Error(`there is no operation "${unknown}"; there are: ${known.join(', ')}`);
  }
  return Object.entries(GROUPS).flatMap(([group, kinds]) =>
    names.includes(group) ? [] : kinds.filter(({ name }) => !names.includes(name)),
  );
}
