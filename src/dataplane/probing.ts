/**
 * The probe of `xnet trace`: the contract of src/dataplane/probe. A few packets are sent from a namespace, and looked for at
 * the interfaces on their way; nothing is changed. The types that go to other hosts are schemas.
 */
import { z } from 'zod';

/** A container's interface, the other end of its pair, the network's VXLAN device, the interface to the other host, the host's end of docker_gwbridge, the interface that leads to a LAN. */
export const PROBE_PLACES = ['interface', 'port', 'tunnel', 'underlay', 'gateway', 'lan'] as const;
export type ProbePlace = (typeof PROBE_PLACES)[number];

/** By which the packets of a probe, and their answers, are known. */
export const probeFlow = z.object({
  protocol: z.enum(['icmp', 'tcp', 'udp']),
  destination: z.string(),
  /** Identifier of the echo request, or the client's port. */
  id: z.number().int().min(1).max(65_535),
  /** The server's port; absent for ICMP. */
  port: z.number().int().min(1).max(65_535).optional(),
  /** On the underlay the packets are in packets of this VNI. Absent: they are sent as they are. */
  tunnel: z.object({ vni: z.number().int(), port: z.number().int() }).optional(),
});
export type ProbeFlow = z.infer<typeof probeFlow>;

/** What passed an interface, or why nobody looked. */
export const probeSight = z.object({
  place: z.enum(PROBE_PLACES),
  interface: z.string().optional(),
  request: z.boolean(),
  /** What the answers were: echo reply, accepted (SYN-ACK), refused (RST, or ICMP), answered (UDP). */
  answers: z.array(z.string()),
  refusal: z.string().optional(),
});
export type ProbeSight = z.infer<typeof probeSight>;

/** Where on a host the places are. What is absent has no place. */
export interface ProbeSite {
  readonly sandboxPath?: string | undefined;
  /** Of the container's interface. */
  readonly mac?: string | undefined;
  readonly endpoint?: { readonly networkId: string; readonly endpointId: string } | undefined;
  /** Its network has its devices in the host's namespace: it is a routed one. */
  readonly isRouted?: boolean | undefined;
  /** The interface that leads to the network's LAN. */
  readonly lan?: string | undefined;
  /** Address to which packets go on the underlay. */
  readonly peer?: string | undefined;
}

export interface ArmedProbe extends Disposable {
  /** What has been seen until now, at every place. */
  seen(): ProbeSight[];
}

export interface Probing {
  /** Resolves when packets are looked for. A place that is not there has a refusal in what is seen. */
  arm(site: ProbeSite, places: readonly ProbePlace[], flow: ProbeFlow): Promise<ArmedProbe>;
  /**
   * Sends the packets, by the routes and past the firewall of the namespace at the path (undefined: the host's own). Resolves to the
   * kernel's reason when it refuses to send them. Throws NOT_FOUND when there is no such namespace, UNSUPPORTED and KERNEL.
   */
  send(sandboxPath: string | undefined, flow: ProbeFlow): Promise<string | undefined>;
}
