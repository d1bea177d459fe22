/**
 * What differs from one kind of network to the next. A mode is a file that puts together devices, forwarding entries and a
 * way to attach endpoints (overlay.ts), and each of these is a file of its own (bridge.ts, vxlan.ts, veth.ts). Pure,
 * but for `observe`: what is done with it is the same for all.
 */
import type { Change, Steps } from '../changes.js';
import type { EndpointSpec, Forwarding, NetworkSpec, RepairKind } from '../dataplane.js';
import type { ForwardingState } from '../forwarding/forwarding-state.js';
import type { Iproute2 } from '../iproute2/iproute2.js';
import type { Link } from './links.js';

export interface NetworkMode {
  /** What the network's namespace holds besides its endpoints; each before those that are its ports. */
  devices(network: NetworkSpec, tunnel: Tunnel): readonly Device[];
  readonly attachment: Attachment;
  readonly forwarding: ForwardingEntries;
}

export interface Tunnel {
  readonly vtep: string;
  /** UDP port. */
  readonly port: number;
}

export interface Device {
  readonly kind: RepairKind;
  readonly name: string;
  /** The device that it is a port of. */
  readonly master?: string;
  /** Makes it, and sets all of it. */
  readonly make: Pick<Steps, 'host' | 'ip'>;
  /** Lines of `ip` that make an existing one what it shall be; each changes nothing where it is so already. */
  readonly set: readonly string[];
  /** Lines for what `set` does not change; undefined: only another device will do. */
  adapt(link: Link): readonly string[] | undefined;
  /** True when `set` would change nothing. */
  isRight(link: Link): boolean;
}

/** The interface of an endpoint: its port in the network's namespace, and the outer end that goes to the container. */
export interface Attachment {
  /**
   * Makes them, the outer end in the namespace `into` (a name or path). Only the first line fails where they are there
   * already; the others change nothing then.
   */
  add(network: NetworkSpec, endpoint: EndpointSpec, into: string): Change;
  /** Lines of `ip` that make an existing port what it shall be; each changes nothing where it is so already. */
  set(network: NetworkSpec, port: string): readonly string[];
  /** True when `set` would change nothing. */
  isRight(link: Link, network: NetworkSpec): boolean;
}

/** What leads from one host's endpoints to another's. */
export interface ForwardingEntries {
  desired(forwarding: Forwarding, ownVtep: string, ipv6: boolean): ForwardingState;
  observe(iproute2: Iproute2, namespace: string): Promise<ForwardingState>;
  diff(observed: ForwardingState, desired: ForwardingState): Change[];
}
