/** A machine with Docker and xnet. */
import { z } from 'zod';
import { id, ipAddress, packetBytes, port, subnet } from './fields.js';
import { hasParts, keyPart, placed, version, versioned } from './record.js';

export const hostKeys = {
  /** A host's description; stays when the host is silent. */
  host: (hostId: string) => `hosts/${keyPart(hostId)}`,
  hosts: () => 'hosts/',
  /** Under the host's lease: there while the host is alive. */
  alive: (hostId: string) => `alive/${keyPart(hostId)}`,
  aliveHosts: () => 'alive/',
  /** What a host has found wrong with itself; absent: nothing. Holds only while the host is alive. */
  hostProblems: (hostId: string) => `host-problems/${keyPart(hostId)}`,
  allHostProblems: () => 'host-problems/',
  /** Under a short lease: this host has put back what is its own, after the store was restored from an older backup. */
  putBack: (hostId: string) => `put-back/${keyPart(hostId)}`,
  putBacks: () => 'put-back/',
  /** VTEP address -> host id: no two hosts with one VTEP. */
  vtep: (address: string) => `vteps/${keyPart(address)}`,
  vteps: () => 'vteps/',
} as const;

export const encryptionKey = z.object({
  /** As Slot of inet/encrypted-vtep.ts. */
  slot: z.union([z.literal(0), z.literal(1)]),
  /** As WireGuard writes it: 32 bytes in base64. */
  publicKey: z.string().regex(/^[A-Za-z0-9+/]{43}=$/, 'not a public key of WireGuard'),
  /** UDP port at the host's underlay address. */
  port,
});
export type EncryptionKey = z.infer<typeof encryptionKey>;

export const hostRecord = placed(
  versioned({
    version,
    id,
    /** Host name, only to show. */
    name: z.string(),
    /** Underlay address of the VXLAN tunnel endpoint. */
    vtep: ipAddress,
    vxlanPort: port,
    xnetVersion: z.string(),
    /** Subnets of its docker_gwbridge. Absent: not seen yet. */
    gatewaySubnets: z.array(subnet).optional(),
    /** The run of a kernel that registered last (see `readMachine`). Absent: an older xnet did. */
    machine: z.string().optional(),
    /** Identity of its Docker's network database (see `MirrorView.database`). Absent: not seen yet. */
    dockerDatabase: z.string().optional(),
    /** All its records have their twins (`by-host.ts`). Absent: not yet, or an older xnet has registered since. */
    twins: z.literal(true).optional(),
    /**
     * It answers packets by which others measure the path to it, and its containers send packets of up to so many bytes. Absent:
     * not yet, or an older xnet.
     */
    pathMtu: packetBytes.optional(),
    /** Its keys in encrypted networks, that in use first. Absent: an older xnet. */
    encryption: z.array(encryptionKey).min(1).optional(),
  }),
  (key, record) => hasParts(key, record.id),
);
export type HostRecord = z.infer<typeof hostRecord>;

/** For people, on the other hosts. */
export const hostProblemsRecord = placed(
  versioned({ version, hostId: id, problems: z.array(z.string()) }),
  (key, record) => hasParts(key, record.hostId),
);
export type HostProblemsRecord = z.infer<typeof hostProblemsRecord>;

/** A host of which the store has anything. */
export interface KnownHost {
  readonly id: string;
  /** Absent, with `vtep`: its own record is gone (another host took its underlay address), others of it are left. */
  readonly name?: string;
  readonly vtep?: string;
  /** It has given a sign of life within a lease's length; absent while the store is away. */
  readonly alive?: boolean;
  /** Containers' endpoints that it has in the store; absent while that is away, as `networks`. */
  readonly endpoints?: number;
  /** Networks that its Docker has. */
  readonly networks?: number;
}
