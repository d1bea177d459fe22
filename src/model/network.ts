/** A network of the cluster; what every host's Docker has of it when it is mirrored. */
import { z } from 'zod';
import { id, MAX_VNI, mtu, subnet, vni } from './fields.js';
import { DEFAULT_MODE, type Mode, mode } from './mode.js';
import { poolKey } from './pool.js';
import { protection } from './protection.js';
import { hasParts, keyPart, placed, versioned } from './record.js';

export const networkKeys = {
  network: (networkId: string) => `networks/${keyPart(networkId)}`,
  networks: () => 'networks/',
  /** VNI -> network id. */
  vni: (vni: number) => `vnis/${vni}`,
  vnis: () => 'vnis/',
  /** Name given with xnet.name -> network id. */
  name: (name: string) => `names/${keyPart(name)}`,
  names: () => 'names/',
} as const;

/** The VNI of `networkKeys.vni`; undefined for any other key. */
export function parseVniKey(key: string): number | undefined {
  const number = Number(/^vnis\/([1-9]\d{0,7})$/.exec(key)?.[1]);
  return number <= MAX_VNI ? number : undefined;
}

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

const networkFields = {
  /**
   * 2: it has a mode, which an xnet that knows version 1 alone would pass over, and make an overlay of it. 3: it has a protection,
   * and may have a mode; an older xnet would make the network without the protection.
   */
  version: z.union([z.literal(1), z.literal(2), z.literal(3)]).default(1),
  id,
  /**
   * Name given with xnet.name, or the mirrored name: unique in the cluster. Absent when Docker networks are bound to it
   * by its id only.
   */
  name: z.string().optional(),
  vni,
  /** Container MTU in bytes asked for by the user; absent: the underlay's MTU less the overhead. */
  mtu: mtu.optional(),
  multicast: z.boolean(),
  /** Absent: DEFAULT_MODE. */
  mode: mode.optional(),
  /** Absent: none was asked for. */
  protection: protection.optional(),
  internal: z.boolean(),
  /** Subnets by the key of the pool that holds their addresses. */
  pools: z.array(z.object({ poolKey, subnet })),
  /** Addresses that no container may have (driver/networks/network-plan.ts), each with what has it. */
  reserved: z.record(z.string(), z.string()).optional(),
  /** The user keeps it to the host that created it (xnet.mirror=off). */
  unmirrored: z.literal(true).optional(),
  /** Swarm has the network: it stays when no Docker network is bound to it. */
  swarm: z.object({ dockerNetworkId: id }).optional(),
  /** Absent: the network is only where users create it. */
  mirror: mirrorRecord.optional(),
};

export const networkRecord = placed(versioned(networkFields), (key, record) => hasParts(key, record.id));
export type NetworkRecord = z.infer<typeof networkRecord>;

export function modeOf({ mode = DEFAULT_MODE }: Pick<NetworkRecord, 'mode'>): Mode {
  return mode;
}
