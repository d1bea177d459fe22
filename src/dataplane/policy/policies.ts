/**
 * What policies and isolation want of the kernel: the contract, as dataplane.ts is that of networks. Rules are those of one network on
 * this host, in MACs and subnets: who a container is, is known above. They are in force for each frame that passes between two
 * containers of the network, at the sending host and at the receiving one, outside of the containers' namespaces.
 *
 * Fail static: rules stay in the kernel when the daemon ends. Errors: KERNEL, UNSUPPORTED, TIMEOUT.
 */

/** By the container's MAC. */
export interface RuledEndpoint {
  readonly mac: string;
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
  readonly from: readonly string[] | 'all' | { readonly cidr: string };
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
  readonly gateways?: readonly string[] | undefined;
  readonly policies: readonly RulesOfPolicy[];
  /** All of the network, on all hosts. */
  readonly endpoints: readonly RuledEndpoint[];
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
   * need not be there: then nothing is done, and 'absent' is the answer. True: somebody had altered the rules.
   */
  set(networkId: string, rules: NetworkRules | undefined): Promise<boolean | 'absent'>;
  /** Calls `listener` with networks whose rules others may have altered, until disposed of. */
  onDoubt(listener: (networkId: string) => void): void;
  /** Undefined: no rules are in force there. Starts no program. */
  count(networkId: string): CountsOfNetwork | undefined;
  /** What was dropped, or would be but for an audit. */
  listDenied(networkId: string): Promise<readonly SeenFrames[]>;
  /** Which connections containers of this host begin within the time; `packets` are those that begin one. None where the network is not here. */
  learn(networkId: string, ms: number, signal: AbortSignal): Promise<readonly SeenFrames[]>;
}
