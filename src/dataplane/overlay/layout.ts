/**
 * What an overlay is made of. A layout puts together devices, forwarding entries and a way to attach endpoints
 * (vxlan-layout.ts), and each of these is a file of its own (bridge.ts, vxlan.ts, veth.ts). Pure, but for `observe`: what is
 * done with it is the same for all.
 */
import type { Change, Steps } from '../changes.js';
import type { EndpointSpec, NetworkSpec, RepairKind, Underlay } from '../dataplane.js';
import type { DesiredForwarding } from '../forwarding/desired-forwarding.js';
import type { ForwardingState } from '../forwarding/forwarding-state.js';
import type { Link, Settings } from './links.js';

export interface Layout {
  /** The largest packet of a container, in bytes, that crosses the underlay whole. */
  containerMtu(underlay: Pick<Underlay, 'vtep' | 'mtu'>): number;
  /** What `devices` are called. */
  readonly deviceNames: readonly string[];
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
  readonly settings: Settings;
  /** Line that makes it, in the host's namespace or in the network's. */
  readonly add: Pick<Steps, 'host' | 'ip'>;
  /** Lines for what settings do not say; undefined: only another device will do. */
  adapt(link: Link): readonly string[] | undefined;
}

/** The interface of an endpoint: its port in the network's namespace, and the outer end that goes to the container. */
export interface Attachment {
  /** Of the port. */
  settings(network: NetworkSpec): Settings;
  /**
   * Makes both, the outer end in the namespace `into` (a name or path). Where they are there already, only the first line
   * fails, and the others change nothing.
   */
  add(network: NetworkSpec, endpoint: EndpointSpec, into: string): Change;
}

/** What leads from one host's endpoints to another's. */
export interface ForwardingEntries {
  /** As long as there are no endpoints on other hosts. */
  desired(ownVtep: string, ipv6: boolean): DesiredForwarding;
  observe(namespace: string): Promise<ForwardingState>;
  diff(observed: ForwardingState, desired: ForwardingState): Change[];
}
