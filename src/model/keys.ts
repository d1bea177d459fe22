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
import { policyKeys } from './policy/policy.js';
import { poolKeys } from './pool.js';
import { questionKeys } from './question.js';

export const keys = {
  ...hostKeys,
  ...networkKeys,
  ...bindingKeys,
  ...endpointKeys,
  ...macKeys,
  ...policyKeys,
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

/**
 * A right in etcd, of what a user needs for all that xnet does: of a host with a user of its own as little as etcd's permissions can
 * say. They are of ranges of keys, and what a value says they do not see.
 */
export interface Grant {
  readonly access: 'read' | 'readwrite';
  /** Without the operator's prefix. */
  readonly key: string;
  /** All keys that begin with it. */
  readonly isPrefix: boolean;
}

/**
 * Of records that several hosts write, or whose owner stands in the value alone, or behind what does not belong to it: a host that is
 * not itself any more can alter all of these.
 */
export const SHARED: readonly string[] = [
  ...[keys.vteps(), keys.networks(), keys.vnis(), keys.names(), keys.bindings(), keys.bindingGuards()],
  ...[keys.endpoints(), keys.macs(), keys.pools(), keys.poolReferences(), keys.poolReferenceGuards()],
  ...[keys.addresses(), keys.addressRequests(), keys.questions(), keys.answers(), keys.policies()],
];

/** Of the host alone. */
export function ownKeys(hostId: string): Grant[] {
  const single = [hostKeys.host, hostKeys.alive, hostKeys.hostProblems, hostKeys.putBack];
  return [...single.map((key) => write(key(hostId), false)), write(byHostKeys.ofHost(hostId), true)];
}

/** `hostId`: of the host whose user it is; absent: of a user of all hosts. */
export function grantsOf(hostId?: string): Grant[] {
  if (hostId === undefined) return [write('', true)];
  return [
    { access: 'read', key: '', isPrefix: true },
    ...ownKeys(hostId),
    ...SHARED.map((key) => write(key, true)),
    write(keys.poolGuard(), false),
  ];
}

function write(key: string, isPrefix: boolean): Grant {
  return { access: 'readwrite', key, isPrefix };
}
