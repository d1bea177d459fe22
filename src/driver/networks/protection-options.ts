/** The options of `docker network create -o` that protect a network, or lift a protection. Pure. */
import type { Protection } from '../../model/protection.js';

/** As NETWORK_OPTIONS. */
export const PROTECTION_OPTIONS = {} as const;

type Texts = (option: keyof typeof PROTECTION_OPTIONS) => string | undefined;

/** Undefined: nothing was asked for. Throws INVALID naming option, value and rule. */
export function parseProtection(_text: Texts): Protection | undefined {
  const asked: Protection = {};
  return Object.keys(asked).length > 0 ? asked : undefined;
}
