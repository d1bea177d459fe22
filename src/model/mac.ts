/** The claim of a MAC address in a network (driver/endpoints/mac-claims.ts). */
import { z } from 'zod';
import { id } from './fields.js';
import { hasParts, keyPart, placed, version, versioned } from './record.js';

export const macKeys = {
  /** A MAC that a user gave -> the endpoint in the network that has it. */
  mac: (networkId: string, mac: string) => `macs/${keyPart(networkId)}/${keyPart(mac)}`,
  macsOf: (networkId: string) => `macs/${keyPart(networkId)}/`,
  macs: () => 'macs/',
} as const;

export const macRecord = placed(
  versioned({ version, networkId: id, endpointId: id, hostId: id, hostName: z.string() }),
  (key, record) => hasParts(key, record.networkId),
);
export type MacRecord = z.infer<typeof macRecord>;
