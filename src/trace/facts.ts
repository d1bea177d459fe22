/** What a host is asked for a trace, and what it answers; both go to other hosts as JSON. */
import { z } from 'zod';
import {
  gatewayFacts,
  networkFacts,
  routedFacts,
  sandboxFacts,
  underlayFacts,
} from '../dataplane/inspection.js';

const text = z.string().max(512);
const texts = z.array(text).max(64);

/** What was found, or why nothing was. */
export type Part<T> = { readonly found: T } | { readonly refusal: string };

function part<T extends z.ZodType>(found: T) {
  return z.union([z.object({ found }), z.object({ refusal: z.string() })]);
}

const containerFacts = z.object({
  /** In Docker's words: running, paused, exited, ... */
  state: z.string(),
  /** File of its network namespace. */
  sandboxPath: z.string().optional(),
  /** Of Docker networks that it is in. */
  networks: z.array(z.string()),
});

/** What the container's resolver answered. */
const nameFacts = z.object({
  addresses: z.array(z.string()),
  /** There was no answer, or a failure. */
  failure: z.string().optional(),
});

/** Of this host; `parent` is absent where the interface is not there. */
const lanFacts = z.object({
  parent: z
    .object({
      ...{ interface: z.string(), mtu: z.number(), isUp: z.boolean(), hasCarrier: z.boolean() },
      /** As LanParent has it. */
      down: z.string().optional(),
    })
    .optional(),
});
export type LanFacts = z.infer<typeof lanFacts>;

/** Of the keys by which this host's packets to the other one are encrypted. */
const encryptionFacts = z.object({
  /** Why this host does not encrypt. */
  problem: z.string().optional(),
  /** Absent: there is none. */
  device: z.string().optional(),
  /** Where packets go on the underlay, with port; absent: the device does not have the other host. */
  endpoint: z.string().optional(),
  /** UDP port of the other host. */
  port: z.number().optional(),
  /** How long ago both agreed on a key; absent: they have not since the device was made. */
  handshakeSeconds: z.number().optional(),
  /** For how long packets have been sent of which none can have been read. */
  unansweredSeconds: z.number().optional(),
});
export type EncryptionFacts = z.infer<typeof encryptionFacts>;

const policyFacts = z.object({
  /** Why the rules of the network are not in force on this host; absent: they are. */
  whyNot: z.string().optional(),
});

const xnetFacts = z.object({
  /** Command that starts it anew. */
  restart: z.string(),
});

export const hostFacts = z.object({
  xnet: part(xnetFacts).optional(),
  container: part(containerFacts).optional(),
  name: part(nameFacts).optional(),
  sandbox: part(sandboxFacts).optional(),
  network: part(networkFacts).optional(),
  routed: part(routedFacts).optional(),
  lan: part(lanFacts).optional(),
  underlay: part(underlayFacts).optional(),
  encryption: part(encryptionFacts).optional(),
  policy: part(policyFacts).optional(),
  gateway: part(gatewayFacts).optional(),
});
export type HostFacts = z.infer<typeof hostFacts>;

const packet = z.object({
  direction: z.enum(['in', 'out']),
  protocol: z.enum(['icmp', 'tcp', 'udp']),
  source: text,
  destination: text,
  port: z.number().int().min(1).max(65_535).optional(),
  isAnswer: z.boolean(),
});

/** Each part that is there is to be looked at. */
export const lookRequest = z.object({
  containerId: text.optional(),
  /** In the container's namespace. */
  sandbox: z.object({ destination: text, packets: z.array(packet).max(4) }).optional(),
  /** To be looked up by the container's resolver. */
  name: z.object({ text, type: z.enum(['A', 'AAAA']) }).optional(),
  network: z
    .object({
      networkId: text,
      endpointId: text,
      mac: text,
      other: z.object({ mac: text, addresses: texts }),
    })
    .optional(),
  /** A routed network. `addresses`: of both endpoints. `peerId`: the host of the other one. */
  routed: z
    .object({ networkId: text, endpointId: text, addresses: texts, peerId: text.optional() })
    .optional(),
  /** A network on a LAN. */
  lan: z.object({ networkId: text }).optional(),
  underlay: z.object({ vtep: text, peerVtep: text, vni: z.number().int() }).optional(),
  /** An encrypted network. */
  encryption: z.object({ peerId: text }).optional(),
  /** A network with policies, or an isolated one. */
  policy: z.object({ networkId: text }).optional(),
  /** Of this host, as the container's way to the destination. */
  gateway: z.object({ destination: text }).optional(),
});
export type LookRequest = z.infer<typeof lookRequest>;
