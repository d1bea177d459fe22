/**
 * What policies and isolation want of the kernel: the contract, as dataplane.ts is that of networks. Rules are those of one network on
 * this host, in MACs and subnets: who a container is, is known above. They are in force for each frame that passes between two
 * containers of the network, at the sending host and at the receiving one, outside of the containers' namespaces.
 *
 * Fail static: rules stay in the kernel when the daemon ends. Errors: KERNEL, UNSUPPORTED, TIMEOUT.
 */

/**
 * Linux's ip_local_port_range begins there by default. In a range of ports that a rule names, ports from there on may be those of a
 * container's own connections: what comes to them may be an answer, and is judged as one.
 */
export const FIRST_OWN_PORT = 32_768;

/** By the container's MAC. */
export interface RuledEndpoint {
  /** The endpoint's id; only of this host's own. */
  readonly localId?: string | undefined;
  /** Names of the policies that select it; undefined: its labels are not known, and nobody reaches it where a policy holds. */
  readonly selectedBy: readonly string[] | undefined;
}

export interface RuledPorts {
  readonly protocol: 'tcp' | 'udp' | 'sctp' | 'icmp';
  readonly first: number;
  readonly last: number;
}

export interface AllowedSource {
  /** Frames from these MACs; 'all': from everybody in the network; or packets from a subnet. */
  readonly from: ReadonlySet<string> | 'all' | { readonly cidr: string };
  /** Absent: all. */
  readonly ports?: readonly RuledPorts[] | undefined;
}

export interface RulesOfPolicy {
  readonly name: string;
  readonly isAudit: boolean;
  readonly allow: readonly AllowedSource[];
}

export interface NetworkRules {
  /** MACs of those that everybody reaches, and that reach everybody; all others reach these alone. Absent: not isolated. */
  readonly gateways?: ReadonlySet<string> | undefined;
  readonly policies: readonly RulesOfPolicy[];
  /** All of the network, on all hosts, by MAC. */
  readonly endpoints: ReadonlyMap<string, RuledEndpoint>;
}

/** Packets since the rules are in the kernel. */
export interface PolicyCounts {
  /** By the place of a rule in `allow`. */
  readonly hits: readonly number[];
  /** What no rule allowed. Of an audit it has passed. */
  readonly denied: number;
}

export interface CountsOfNetwork {
  /** By policy. */
  readonly policies: ReadonlyMap<string, PolicyCounts>;
  /** Frames that isolation has dropped. */
  readonly isolated: number;
  /** Frames to containers whose labels were not known. */
  readonly unknown: number;
  /** Packets of UDP and SCTP whose answers are not awaited for want of room, so that these may be dropped. */
  readonly unnoted: number;
}

/** Frames of one kind, from one container to another, within the last minutes. */
export interface SeenFrames {
  readonly fromMac: string;
  readonly toMac: string;
  readonly protocol: string;
  /** 0: of a protocol without ports. */
  readonly port: number;
  readonly packets: number;
}

export interface PolicyDevice extends AsyncDisposable {
  /**
   * The rules are in force when this resolves; what others altered is put right. Undefined: none are. The network's namespace
   * need not be there: then nothing is done, and 'absent' is the answer. True: somebody had altered the rules. `changed`: MACs; the
   * rules are the very object that was set before, and differ for these alone.
   */
  set(
    networkId: string,
    rules: NetworkRules | undefined,
    changed?: ReadonlySet<string>,
  ): Promise<boolean | 'absent'>;
  /** Whether rules are in force there as they were set, as far as the kernel has reported until now. Takes microseconds. */
  isInForce(networkId: string): boolean;
  /** Calls `listener` with networks whose rules others may have altered, until disposed of. */
  onDoubt(listener: (networkId: string) => void): void;
  /** Undefined: no rules are in force there. Starts no program. */
  count(networkId: string): CountsOfNetwork | undefined;
  /** What was dropped, or would be but for an audit. */
  listDenied(networkId: string): Promise<readonly SeenFrames[]>;
  /** Which connections containers of this host begin within the time; `packets` are those that begin one. None where the network is not here. */
  learn(networkId: string, ms: number, signal: AbortSignal): Promise<readonly SeenFrames[]>;
}
