/** The claim of a MAC address in a network (driver/endpoints/mac-claims.ts). */
import { z } from 'zod';
import { keyPart, version, versioned } from './record.js';

export const macKeys = {
  /** A MAC that a user gave -> the endpoint in the network that has it. */
  mac: (networkId: string, mac: string) => `macs/${keyPart(networkId)}/${keyPart(mac)}`,
  macsOf: (networkId: string) => `macs/${keyPart(networkId)}/`,
  macs: () => 'macs/',
} as const;

export const macRecord = versioned({
  version,
  networkId: z.string(),
  endpointId: z.string(),
  hostId: z.string(),
  hostName: z.string(),
});
export type MacRecord = z.infer<typeof macRecord>;
