/** What `xnet status` shows: this host, and the others as it knows them. */
import { z } from 'zod';
import { hostEvent } from '../observability/event-log.js';
import { modeFields } from './mode-answer.js';

const count = z.number().int();
const texts = z.array(z.string()).readonly();
/** ISO 8601. */
const time = z.string();

/** The way of packets to another host, as this one has measured it. */
export const pathAnswer = z.object({
  /** `narrow`: packets as large as containers send do not pass. `unknown`: not measured yet. */
  state: z.enum(['passes', 'narrow', 'lost', 'unknown']),
  /** Since when; of a lost path, when the last packet was answered. */
  since: time,
  /** Of the last answer. */
  roundTripMs: z.number().optional(),
  /** The largest packet that passes, in bytes; absent: not known, or none does. */
  largest: count.optional(),
  /** The largest that containers of either host send, in bytes. */
  needed: count,
  /** Of a lost path: packets of the other host arrive here. */
  incoming: z.boolean().optional(),
});
export type PathAnswer = z.infer<typeof pathAnswer>;

/** The way of routed networks' packets from this host to another one. */
export const pairAnswer = z.object({
  /** `direct`: frames go straight to the other host, which is on this one's segment. */
  way: z.enum(['direct', 'tunnel']),
  since: time,
  /** What was found, as a clause. */
  why: z.string(),
});
export type PairAnswer = z.infer<typeof pairAnswer>;

/** Of the keys by which packets to another host are encrypted. */
export const encryptionAnswer = z.object({
  /** When both hosts last agreed on them; absent: not yet. */
  handshake: time.optional(),
});
export type EncryptionAnswer = z.infer<typeof encryptionAnswer>;

/** Another host, as this one knows it. */
const peer = z.object({
  name: z.string(),
  vtep: z.string(),
  alive: z.boolean(),
  /** `unknown`: the store is away. */
  state: z.enum(['alive', 'silent', 'unknown']),
  /** Since when it is not alive, or not known to be. */
  since: time.optional(),
  /** Absent: this host shares no network with it, or it is not alive, or has an older xnet. */
  path: pathAnswer.optional(),
  /** Absent: this host shares no routed network with it. */
  pair: pairAnswer.optional(),
  /** Absent: this host has no encrypted network, or the other one an older xnet. */
  encryption: encryptionAnswer.optional(),
  /** The same of one that was silent already at this time, when this daemon began to look. */
  before: time.optional(),
});
export type PeerStatus = z.infer<typeof peer>;

/** A device on the LAN of a network that has an address of it. */
export const deviceAnswer = z.object({
  mac: z.string(),
  /** When it was found, and when it last answered, to the hour. */
  since: time,
  seen: time,
});

const network = z.object({
  id: z.string(),
  name: z.string().optional(),
  ...modeFields,
  /** Absent: no daemon answers, and the kernel has not the network's bridge; or the LAN's interface is not there. */
  mtu: count.optional(),
  subnets: texts,
  dockerNetworkId: z.string(),
  endpoints: z
    .array(
      z.object({
        id: z.string(),
        /** Its name; absent until Docker has answered. */
        container: z.string().optional(),
        addresses: texts,
        mac: z.string(),
      }),
    )
    .readonly(),
  /** Addresses that no container gets, since devices on the LAN have them. Absent: the network is on none. */
  setAside: z
    .array(deviceAnswer.extend({ address: z.string() }))
    .readonly()
    .optional(),
});
export type NetworkStatus = z.infer<typeof network>;

const names = z.object({
  /** Sandboxes with a resolver of xnet's. */
  sandboxes: count,
  /** Queries since the daemon's start; `forwarded`: to Docker's own resolver. */
  answered: count,
  forwarded: count,
  dropped: count,
  /** Sandboxes that were left to Docker's resolver, and the last of them. */
  failedInstalls: count,
  lastFailures: z.array(z.object({ sandboxPath: z.string(), reason: z.string(), at: time })).readonly(),
  /** Containers whose names the other hosts do not know yet, because writing them failed. */
  unpublished: count,
});

/** The process that starts the daemon again when it dies. */
const keeper = z.object({
  pid: count,
  /** Ends of daemons that nobody had asked for, and how the last of them ended. */
  deaths: count,
  lastDeath: z.string().optional(),
  refusedUpgrade: z.object({ reason: z.string(), at: time }).optional(),
});

/** What a command finds out by itself while no daemon answers. */
const withoutDaemon = z.object({
  /** When a daemon last wrote down what is known of the cluster; absent: never, or on a host without etcd. */
  knownAt: time.optional(),
  /** What systemd says of xnet's unit; absent: there is no systemd. */
  unit: z.string().optional(),
  /** Ids of this host's networks that the kernel forwards. */
  forwarding: texts,
  /** The last events of this host. */
  events: z.array(hostEvent).readonly(),
});

export const statusAnswer = z.object({
  version: z.string(),
  /**
   * Present: no daemon answers. Then networks and peers are those last known, store and Docker were asked by this command, and
   * counts since the daemon's start are 0.
   */
  withoutDaemon: withoutDaemon.optional(),
  host: z.object({
    id: z.string(),
    name: z.string(),
    vtep: z.string().optional(),
    interface: z.string().optional(),
    mtu: count.optional(),
  }),
  store: z.object({
    description: z.string(),
    answerMs: z.number().optional(),
    problem: z.string().optional(),
  }),
  /** Docker's Engine API: its version, or why it is not answering. */
  docker: z.object({ version: z.string().optional(), problem: z.string().optional() }).optional(),
  names,
  /** Kernel objects that somebody had altered and that were put right, by kind, since the daemon's start. */
  repairs: z.record(z.string(), count),
  /** Absent: nobody starts the daemon again. */
  keeper: keeper.optional(),
  /** A problem is one sentence: what is wrong and what to do. */
  problems: texts,
  networks: z.array(network).readonly(),
  peers: z.array(peer).readonly(),
});
export type Status = z.infer<typeof statusAnswer>;
