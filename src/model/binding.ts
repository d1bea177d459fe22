/** Binds a Docker network of a host to a network of the cluster. */
import { z } from 'zod';
import { id } from './fields.js';
import { hasParts, keyPart, placed, version, versioned } from './record.js';

export const bindingKeys = {
  /** Written with each new binding, so that a remover sees that one came in between. */
  bindingGuard: (networkId: string) => `binding-guards/${keyPart(networkId)}`,
  bindingGuards: () => 'binding-guards/',
  /** One host's Docker network -> its network. */
  binding: (networkId: string, hostId: string, dockerNetworkId: string) =>
    `bindings/${keyPart(networkId)}/${keyPart(hostId)}/${keyPart(dockerNetworkId)}`,
  /** Of one host. */
  bindingsOfHostIn: (networkId: string, hostId: string) =>
    `bindings/${keyPart(networkId)}/${keyPart(hostId)}/`,
  bindingsOf: (networkId: string) => `bindings/${keyPart(networkId)}/`,
  bindings: () => 'bindings/',
} as const;

export const bindingRecord = placed(
  versioned({
    version,
    networkId: id,
    hostId: id,
    dockerNetworkId: id,
    /** The holds on pools that Docker has for the network (`ipam/hold.ts`), to be given back with it. */
    poolIds: z.array(z.string()).optional(),
    /**
     * Written when the Docker network was first seen in Docker, with its name there and the identity of Docker's
     * network database. A network that was seen and is gone from that very database was removed by a user.
     */
    seen: z.object({ name: z.string(), database: z.string() }).optional(),
  }),
  (key, { networkId, hostId, dockerNetworkId }) => hasParts(key, networkId, hostId, dockerNetworkId),
);
export type BindingRecord = z.infer<typeof bindingRecord>;
export type Seen = NonNullable<BindingRecord['seen']>;

/** Identifies a binding: the parts of its key. */
export type BindingReference = Pick<BindingRecord, 'networkId' | 'hostId' | 'dockerNetworkId'>;

/** Whether it is the key of a binding of the host. */
export function isBindingOf(key: string, hostId: string): boolean {
  return key.startsWith(bindingKeys.bindings()) && key.split('/')[2] === keyPart(hostId);
}
