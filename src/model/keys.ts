/**
 * All keys of the store, by the kind of record. The operator's prefix (`--prefix`, default `/xnet/`) is put before these by
 * the store itself.
 */
import { addressKeys } from './address.js';
import { bindingKeys } from './binding.js';
import { byHostKeys } from './by-host.js';
import { endpointKeys } from './endpoint.js';
import { hostKeys } from './host.js';
import { macKeys } from './mac.js';
import { networkKeys } from './network.js';
import { poolKeys } from './pool.js';
import { questionKeys } from './question.js';

export const keys = {
  ...hostKeys,
  ...networkKeys,
  ...bindingKeys,
  ...endpointKeys,
  ...macKeys,
  ...poolKeys,
  ...addressKeys,
  ...questionKeys,
  ...byHostKeys,
} as const;

/** The prefix of all keys of the same kind: the first part; of a twin, which lies under its host: with the host and its kind. */
export function kindOf(key: string): string {
  const [twins] = /^by-host\/[^/]+\/([^/]+\/)?/.exec(key) ?? [];
  return twins ?? (key.slice(0, key.indexOf('/') + 1) || key);
}

export function isUnder(key: string, prefixes: Iterable<string>): boolean {
  for (const prefix of prefixes) if (key.startsWith(prefix)) return true;
  return false;
}
