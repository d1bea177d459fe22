/** The records of the store: JSON values, each with the version of its form (record-versions.ts). */
import { z } from 'zod';
import { XnetError } from '../errors.js';
import { versioned } from './record-versions.js';

const version = z.literal(1).default(1);

export const hostRecord = versioned({
  version,
  id: z.string(),
  /** Host name, only to show. */
  name: z.string(),
  /** Underlay address of the VXLAN tunnel endpoint. */
  vtep: z.string(),
  vxlanPort: z.number().int(),
  xnetVersion: z.string(),
  /** Subnets of its docker_gwbridge. Absent: not seen yet. */
  gatewaySubnets: z.array(z.string()).optional(),
  /** The run of a kernel that registered last (see `readMachine`). Absent: an older xnet did. */
  machine: z.string().optional(),
  /** Identity of its Docker's network database (see `databaseOf`). Absent: not seen yet. */
  dockerDatabase: z.string().optional(),
});
export type HostRecord = z.infer<typeof hostRecord>;

/** For people, on the other hosts. */
export const hostProblemsRecord = versioned({
  version,
  hostId: z.string(),
  problems: z.array(z.string()),
});
export type HostProblemsRecord = z.infer<typeof hostProblemsRecord>;

/** A network that every host has in its Docker: what the copies are made with. */
export const mirrorRecord = z.object({
  /** Name of the Docker network on every host. */
  name: z.string(),
  internal: z.boolean(),
  attachable: z.boolean(),
  ipv6: z.boolean(),
  /** Absent: Docker's default, which is true. */
  ipv4: z.literal(false).optional(),
  labels: z.record(z.string(), z.string()),
  /** `-o` options. */
  options: z.record(z.string(), z.string()),
  ipam: z.object({
    /** `xnet`, `default` (Docker's own, on the host that created the network), or another driver's name. */
    driver: z.string(),
    options: z.record(z.string(), z.string()),
    subnets: z.array(
      z.object({
        subnet: z.string().optional(),
        range: z.string().optional(),
        gateway: z.string().optional(),
        auxiliary: z.record(z.string(), z.string()).optional(),
      }),
    ),
  }),
  /** A user removed the network on this host: the others remove theirs, or object. */
  removal: z.object({ hostId: z.string() }).optional(),
  /**
   * Docker networks of hosts, by id, in whose place another came: the latest ones. Containers that have not run since
   * still name them.
   */
  former: z.array(z.string()).optional(),
});
export type MirrorRecord = z.infer<typeof mirrorRecord>;

export const networkRecord = versioned({
  version,
  id: z.string(),
  /**
   * Name given with xnet.name, or the mirrored name: unique in the cluster. Absent when only ids tie the Docker
   * networks to it.
   */
  name: z.string().optional(),
  vni: z.number().int(),
  /** Container MTU in bytes asked for by the user; absent: the underlay's MTU less the overhead. */
  mtu: z.number().int().optional(),
  multicast: z.boolean(),
  internal: z.boolean(),
  /** Subnets by the key of the pool that holds their addresses. */
  pools: z.array(z.object({ poolKey: z.string(), subnet: z.string() })),
  /** Addresses that no container may have (driver/networks/reserved-addresses.ts), each with what has it. */
  reserved: z.record(z.string(), z.string()).optional(),
  /** The user keeps it to the host that created it (xnet.mirror=off). */
  unmirrored: z.literal(true).optional(),
  /** Swarm has the network: it stays while no host is tied to it. */
  swarm: z.object({ dockerNetworkId: z.string() }).optional(),
  /** Absent: the network is only where users create it. */
  mirror: mirrorRecord.optional(),
});
export type NetworkRecord = z.infer<typeof networkRecord>;

export const bindingRecord = versioned({
  version,
  networkId: z.string(),
  hostId: z.string(),
  dockerNetworkId: z.string(),
  /** The holds on pools that Docker has for the network, to be given back with it. */
  poolIds: z.array(z.string()).optional(),
  /**
   * Written when the Docker network was first seen in Docker, with its name there and the identity of Docker's
   * network database. A network that was seen and is gone from that very database was removed by a user.
   */
  seen: z.object({ name: z.string(), database: z.string() }).optional(),
});
export type BindingRecord = z.infer<typeof bindingRecord>;

/** How the containers of a network may call an endpoint. */
export const endpointNames = z.object({
  container: z.string(),
  containerId: z.string(),
  /** Name of the Docker network on the endpoint's host, for NAME.NETWORK. */
  network: z.string(),
  /** Without doubles, the container's name first: also aliases, short id, host name, service. */
  names: z.array(z.string()),
  /** Exposed ports, for SRV. */
  ports: z.array(z.object({ port: z.number().int(), protocol: z.string() })),
});
export type EndpointNames = z.infer<typeof endpointNames>;

export const endpointRecord = versioned({
  version,
  id: z.string(),
  networkId: z.string(),
  dockerNetworkId: z.string(),
  hostId: z.string(),
  /** Plain addresses, without prefix length. */
  addresses: z.array(z.string()),
  mac: z.string(),
  /** Absent until Docker's API has told them. */
  names: endpointNames.optional(),
});
export type EndpointRecord = z.infer<typeof endpointRecord>;

/** The claim of a MAC (driver/endpoints/mac-claims.ts). */
export const macRecord = versioned({
  version,
  networkId: z.string(),
  endpointId: z.string(),
  hostId: z.string(),
  hostName: z.string(),
});
export type MacRecord = z.infer<typeof macRecord>;

export const poolRecord = versioned({
  version,
  /** Address space: xnet-local or xnet-global. */
  space: z.string(),
  /** Set when the pool belongs to one named network; such pools may overlap with others. */
  networkName: z.string().optional(),
  subnet: z.string(),
});
export type PoolRecord = z.infer<typeof poolRecord>;

export const poolReferenceRecord = versioned({
  version,
  poolKey: z.string(),
  hostId: z.string(),
  hostName: z.string(),
  /** Part of the PoolID given to Docker. Unlike for each RequestPool; of the cluster's hold the same for all. */
  reference: z.string(),
  /** Of the cluster's hold: the request that made it. */
  request: z.string().optional(),
});
export type PoolReferenceRecord = z.infer<typeof poolReferenceRecord>;

export const addressRecord = versioned({
  version,
  state: z.enum(['claimed', 'resting']),
  hostId: z.string(),
  hostName: z.string(),
  /** Unlike for each claim: tells a retried claim from somebody else's. */
  claim: z.string(),
  /**
   * Pool references that hold the address: one for an endpoint (none when Docker's own IPAM chose it, or when
   * it rests); a gateway or auxiliary is shared by several.
   */
  references: z.array(z.string()),
  purpose: z.enum(['endpoint', 'gateway', 'auxiliary']),
  /** Nobody has it yet: the host holds it for containers to come. */
  reserve: z.literal(true).optional(),
  /** The address was named by the caller, or comes from a reserve; the next automatic choice does not go on from it. */
  explicit: z.literal(true).optional(),
  /** Set once CreateEndpoint took the address. */
  endpointId: z.string().optional(),
  networkId: z.string().optional(),
  /** Container name where Docker tells it (29 and later). */
  container: z.string().optional(),
});
export type AddressRecord = z.infer<typeof addressRecord>;

/** Reads a record. Throws INTERNAL naming the key when the value is not one (or is of a newer version). */
export function parseRecord<T>(schema: z.ZodType<T>, entry: { key: string; value: string }): T {
  try {
    return schema.parse(JSON.parse(entry.value));
  } catch (error) {
    throw new XnetError(
      'INTERNAL',
      `the store's record ${entry.key} cannot be read; was it written by a newer xnet, or by hand?`,
      { key: entry.key },
      { cause: error },
    );
  }
}

/** The record, or undefined where parseRecord would throw. */
export function findRecord<T>(schema: z.ZodType<T>, entry: { key: string; value: string }): T | undefined {
  try {
    return parseRecord(schema, entry);
  } catch {
    return undefined;
  }
}

export function formatRecord<T extends { version: number }>(record: T): string {
  return JSON.stringify(record);
}
