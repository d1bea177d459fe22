import type {
  EndpointSpec,
  ForwardingChange,
  LocalEndpoint,
  NetworkCheck,
  NetworkSpec,
  Remotes,
} from './dataplane.js';

/**
 * A network in the kernel of this host, of one mode, and what this process did last to it. But for `learnNames` and `detach`, one
 * thing at a time is asked of it. Errors: those of Dataplane.
 */
export interface KernelNetwork {
  /** Its devices are in the host's namespace, rather than in one of its own. */
  readonly isInHostNamespace?: true;
  /** It was ensured by this process, as `network` is. */
  isLike(network: NetworkSpec): boolean;
  /** As far as this process knows: a sweep looks at the kernel, not every container start. */
  hasAttached(network: NetworkSpec, endpoint: EndpointSpec): boolean;
  /** As Dataplane.ensureNetwork. */
  ensure(network: NetworkSpec): Promise<void>;
  /** As Dataplane.removeNetwork, whether this process made it or not. Nothing more is asked of it. */
  remove(): Promise<void>;
  /** As Dataplane.ensureEndpoint, of a network that is like this one. Throws NOT_FOUND when somebody took it apart. */
  attach(network: NetworkSpec, endpoints: readonly EndpointSpec[]): Promise<void>;
  /** An endpoint of this interface name is about to be detached. */
  forgetPort(interfaceName: string): void;
  /** Removes the endpoints of these interface names, beside other work. Absent is success. */
  detach(interfaceNames: readonly string[]): Promise<void>;
  /** As Dataplane.setForwarding. */
  setForwarding(remotes: Remotes, changed?: ReadonlySet<string>): Promise<ForwardingChange>;
  /** Learns what containers call their interfaces, beside other work. Resolves to whether it is not known of all yet. */
  learnNames(endpoints: readonly LocalEndpoint[]): Promise<boolean>;
  /** As Dataplane.repairNetwork; what was not ensured, or is still being filled, is left alone. */
  repair(endpoints: readonly LocalEndpoint[]): Promise<NetworkCheck>;
}
