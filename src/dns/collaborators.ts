/** What the resolvers need of the rest of xnet; src/host/ hands it to them. */
import type { NetworkZone } from './answers/zone.js';

interface Redirection {
  readonly udpPort: number;
  readonly tcpPort: number;
  readonly mark: number;
}

/** The rule in a sandbox that sends queries to our sockets (dataplane/sandbox/sandbox-rules.ts). */
export interface SandboxRules {
  /** Made or replaced at once. */
  ensure(sandboxPath: string, redirection: Redirection): Promise<void>;
  /** Made again where it is not as `ensure` made it; resolves to whether that was so. */
  repair(sandboxPath: string, redirection: Redirection): Promise<boolean>;
  /** Absent is success, of the rule and of the sandbox. */
  remove(sandboxPath: string): Promise<void>;
}

/** The zone of a network as it is now; undefined while nothing is known of it. Asked at every query. */
export type ZoneOf = (networkId: string) => NetworkZone | undefined;

/** false: more names of the network will be known soon. Asked at every query that Docker denies. */
export type IsCurrent = (networkId: string) => boolean;

/** Queries of containers, counted since the start of the daemon. */
export interface QueryCounts {
  answered: number;
  /** To Docker's own resolver. */
  forwarded: number;
  /** Not even a query, or no way to pass it on. */
  dropped: number;
}

/** A sandbox in which Docker's resolver answers alone: it knows this host alone. */
export interface RuleFailure {
  readonly sandboxPath: string;
  readonly reason: string;
  /** ISO 8601. */
  readonly at: string;
}

/** For `xnet status`. */
export interface ResolversStatus extends Readonly<QueryCounts> {
  /** Sandboxes with a resolver of ours. */
  readonly sandboxes: number;
  readonly failedInstalls: number;
  /** The latest last. */
  readonly lastFailures: readonly RuleFailure[];
}
