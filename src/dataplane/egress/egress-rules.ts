/**
 * The contract of what keeps containers from reaching what is outside: of a closed container, all that goes out by docker_gwbridge is
 * dropped but what was let through. Outside is also the host itself, and whatever it publishes. Replies to connections from
 * outside (published ports) pass.
 *
 * The kernel's state stays when the daemon ends: a container that is closed stays closed, and what was let through stays so until its
 * time is over. A connection that was let through once stays so until it ends.
 */

/** What may be reached. */
export interface EgressRange {
  /** Canonical, with the length of its prefix. */
  readonly subnet: string;
  /** Absent: every port and protocol. */
  readonly port?: number | undefined;
  /** Of a port. Absent: TCP and UDP. */
  readonly protocol?: 'tcp' | 'udp' | undefined;
}

export interface EgressService {
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
}

/** An address that may be reached for some time. */
export interface EgressAddress {
  readonly address: string;
  /** Of which, where it was let through before, up to 300 s, or half of it, may be over. */
  readonly seconds: number;
  /** Absent: every port and protocol. */
  readonly ports?: readonly EgressService[] | undefined;
}

/** By which a container goes out. */
export interface GatewayLeg {
  /** The host's end, a port of docker_gwbridge. */
  readonly port: string;
  /** Of the container's end, when it was closed first: plain IPv4 and IPv6 addresses. */
  readonly addresses: readonly string[];
}

export interface RefusedPackets {
  /** Of the container. */
  readonly source: string;
  readonly destination: string;
  /** As /etc/protocols has it, or its number. */
  readonly protocol: string;
  /** Of TCP, UDP and SCTP. */
  readonly port?: number;
  readonly packets: number;
  /** The last, so many seconds ago. */
  readonly secondsAgo: number;
}

export interface EgressRules extends AsyncDisposable {
  /**
   * The device of docker_gwbridge, which may have another name; undefined: Docker has none. Returns whether this was not known
   * before: then containers are to be closed again.
   */
  useBridge(device: string | undefined): boolean;
  /** Makes the rules that all closed containers share, where they are not there. Throws UNSUPPORTED and KERNEL. */
  prepare(): Promise<void>;
  /**
   * The container in the sandbox is closed, whatever interface on docker_gwbridge it has now, but for `ranges`, which replace those
   * of before. One that has none there is closed at whatever bridge of the host it has one, for docker_gwbridge may have just been
   * made anew; but for one that `goesElsewhere`: by Docker's word it is in other networks that lead outside. Undefined: it has none.
   * Throws as `prepare`; NOT_FOUND: the sandbox is gone. When it throws otherwise, its interface on the bridge is down, until it can
   * be closed.
   */
  close(
    sandboxPath: string,
    ranges: readonly EgressRange[],
    goesElsewhere?: boolean,
  ): Promise<GatewayLeg | undefined>;
  /** Lets the container of a sandbox that is closed reach addresses. At once, and when it returns in force. Throws KERNEL, NOT_FOUND when it is not closed. */
  admit(sandboxPath: string, addresses: readonly EgressAddress[]): void;
  /** The container is gone, or in no network that is closed any more. Unknown is success. Throws KERNEL. */
  open(sandboxPath: string): Promise<void>;
  /**
   * Whatever is not of these sandboxes, which are all that are closed, goes: an earlier daemon has left it. What may still be of a
   * container that runs stays: false, if there is such. `list` is called when nothing else changes the rules, so that what is closed
   * by then is in it; where it is undefined, not all are known, and nothing goes. Throws KERNEL.
   */
  keep(list: () => readonly string[] | undefined): Promise<boolean>;
  /** Puts back what others have taken away. Resolves to what that was. Throws as `prepare`. */
  repair(): Promise<readonly string[]>;
  /** Packets of these addresses that were dropped within a day, the latest last. Throws KERNEL. */
  refused(addresses: readonly string[]): readonly RefusedPackets[];
}
