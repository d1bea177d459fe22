import { XnetError } from '../errors.js';
import { quoted } from '../inet/quoted.js';

/** Address spaces as Docker knows them: `local` for networks of local scope, `global` for swarm's. */
export const ADDRESS_SPACES = { local: 'xnet-local', global: 'xnet-global' } as const;

export type AddressSpace = (typeof ADDRESS_SPACES)[keyof typeof ADDRESS_SPACES];

/** Throws INVALID for the name of any other space. */
export function parseAddressSpace(text: string): AddressSpace {
  const space = Object.values(ADDRESS_SPACES).find((name) => name === text);
  if (space) return space;
  const known = Object.values(ADDRESS_SPACES).join(' and ');
  throw new XnetError('INVALID', `${quoted(text)} is not an address space of xnet; there are ${known}`);
}
