/**
 * src/admin: the admin API, which the `xnet` commands and other programs of root's call: its operations, what they answer, and
 * how the records of the cluster become answers. Answers are of the whole cluster, from any host. Not in here: HTTP
 * (src/server/admin.ts), tables for people (src/cli/), and anything that changes state.
 *
 * Below are the answers on the cluster; that on this host is in status-answer.ts. A field that is absent is not known, or there
 * is none.
 */
import { z } from 'zod';
import { hostEvent } from '../observability/event-log.js';
import { modeFields } from './mode-answer.js';
import { deviceAnswer, pairAnswer, pathAnswer } from './status-answer.js';

const count = z.number().int();
const texts = z.array(z.string()).readonly();

/** `last known`: the store itself has not answered, and this host may not know of all. */
export const asOf = z.enum(['store', 'last known']);

function listOf<T extends z.ZodType>(item: T) {
  return z.object({ asOf, items: z.array(item).readonly() });
}

const networkOf = z.object({ id: z.string(), name: z.string().optional() });

/** `unknown`: the store is away. */
const hostOf = z.object({
  id: z.string(),
  name: z.string().optional(),
  state: z.enum(['alive', 'silent', 'unknown']),
});
export type HostOf = z.infer<typeof hostOf>;

/** A container's place in a network. */
const endpointItem = z.object({
  id: z.string(),
  network: networkOf,
  host: hostOf,
  /** Absent until its host has Docker's answer. */
  container: z.object({ id: z.string(), name: z.string() }).optional(),
  addresses: texts,
  mac: z.string(),
  names: texts,
  /**
   * Packets of the container that were dropped since its rules were written, for they were not from its own MAC and addresses. Absent: it is on
   * another host than the one that answers, or in a network that does not count them by container.
   */
  forged: count.optional(),
});
export type EndpointItem = z.infer<typeof endpointItem>;

const networkItem = z.object({
  id: z.string(),
  name: z.string().optional(),
  ...modeFields,
  subnets: texts,
  /** Asked for by the user, in bytes. */
  mtu: count.optional(),
  internal: z.boolean(),
  multicast: z.boolean(),
  /** It is in the Docker of every host. */
  mirrored: z.boolean(),
  /** Swarm has it. */
  swarm: z.boolean(),
  endpoints: count,
  /** Hosts with endpoints in it. */
  hosts: count,
});
export type NetworkItem = z.infer<typeof networkItem>;

export const networkAnswer = networkItem.extend({
  asOf,
  /** Of a mirrored network: Docker's `-o` options, and labels. */
  options: z.record(z.string(), z.string()),
  labels: z.record(z.string(), z.string()),
  /** The Docker networks that are bound to it. */
  dockerNetworks: z.array(z.object({ host: hostOf, id: z.string(), name: z.string().optional() })).readonly(),
  members: z.array(endpointItem).readonly(),
});
export type NetworkAnswer = z.infer<typeof networkAnswer>;

/** A host of which the store has anything. */
export const hostItem = z.object({
  id: z.string(),
  /** Absent, with `vtep`: its own record is gone, others of it are left. */
  name: z.string().optional(),
  vtep: z.string().optional(),
  /** Absent while the store is away, as what it has. */
  alive: z.boolean().optional(),
  endpoints: count.optional(),
  networks: count.optional(),
  /** Of packets from this host to it; absent: not measured. */
  path: pathAnswer.optional(),
  /** Of routed networks; absent: this host shares none with it. */
  pair: pairAnswer.optional(),
});

const poolItem = z.object({
  subnet: z.string(),
  space: z.string(),
  /** The name, or the id, of the one network that has it. */
  network: z.string().optional(),
  /** Names of the hosts that use it. */
  hosts: texts,
  addresses: z.object({
    endpoints: count,
    reserved: count,
    gateways: count,
    auxiliaries: count,
    resting: count,
    /** Set aside: devices on the network's LAN have them. */
    foreign: count,
  }),
});

/** `gateway` and `auxiliary` are shared: nobody has them alone. `foreign`: set aside, a device on the LAN has it. */
const addressItem = z.object({
  address: z.string(),
  subnet: z.string(),
  state: z.enum(['claimed', 'bound', 'reserved', 'resting', 'gateway', 'auxiliary', 'foreign']),
  /** Who has it, or had it until it came to rest; of a foreign one, who found the device. */
  host: z.string().optional(),
  container: z.string().optional(),
  endpointId: z.string().optional(),
  device: deviceAnswer.optional(),
});
export type AddressItem = z.infer<typeof addressItem>;

/** A name as containers of the network may ask for it; also as `NAME.NETWORK`. */
const nameItem = z.object({
  name: z.string(),
  network: networkOf,
  container: z.string(),
  host: hostOf,
  addresses: texts,
});
export type NameItem = z.infer<typeof nameItem>;

const eventItem = hostEvent.extend({ host: z.string() });
export type EventItem = z.infer<typeof eventItem>;
export const eventsPart = z.array(eventItem);

export const eventsAnswer = z.object({
  items: eventsPart,
  /** Hosts that did not answer, and why. */
  refusals: z.array(z.object({ host: z.string(), refusal: z.string() })),
});
const labels = z.record(z.string(), z.string());

/** As `docker network create` has it. */
const exportedNetwork = z.object({
  name: z.string(),
  internal: z.boolean(),
  attachable: z.boolean(),
  ipv4: z.boolean(),
  ipv6: z.boolean(),
  labels,
  options: labels,
  ipam: z.object({
    /** `default`: Docker's own. */
    driver: z.string(),
    options: labels,
    subnets: z
      .array(
        z.object({
          subnet: z.string().optional(),
          range: z.string().optional(),
          gateway: z.string().optional(),
          auxiliary: labels.optional(),
        }),
      )
      .readonly(),
  }),
});
export type ExportedNetwork = z.infer<typeof exportedNetwork>;

export const exportAnswer = z.object({
  asOf,
  networks: z.array(exportedNetwork).readonly(),
  /** Networks that cannot be created anew from what the cluster knows, and why. */
  leftOut: z.array(z.object({ network: z.string(), reason: z.string() })).readonly(),
});

/** The settings that are no secrets, by key. */
export const settingsAnswer = z.object({ settings: z.record(z.string(), z.string()) });
export const versionAnswer = z.object({ version: z.string() });
export const hostsAnswer = z.array(hostItem).readonly();
export const networksAnswer = listOf(networkItem);
export const endpointsAnswer = listOf(endpointItem);
export const poolsAnswer = listOf(poolItem);
export const addressesAnswer = listOf(addressItem);
export const namesAnswer = listOf(nameItem);
