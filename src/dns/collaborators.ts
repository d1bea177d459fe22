/**
 * src/dns: names of containers, answered in each container's namespace. `answers/` turns queries into answers, from memory and
 * without input or output; `sandbox/` has the sockets, what is passed on to Docker's resolver, and the rule that brings the
 * queries here.
 *
 * A query is answered from memory. At most it waits 2 s for Docker to name the container that asks, and a denial 10 s for this
 * host to know all names. What is not ours reaches Docker's resolver and comes back byte for byte; where anything here fails,
 * Docker's resolver answers alone.
 *
 * Not in here: reading records from the store (src/host/ hands the sources over), nftables (src/dataplane/sandbox/), system
 * calls (src/native/). Below is what dns needs of others, and what others show of it.
 */
import type { NetworkZone } from './answers/zone.js';

interface Redirection {
  readonly udpPort: number;
  readonly tcpPort: number;
  readonly mark: number;
  /** Of a closed container: without this mark nothing reaches Docker's resolver. */
  readonly secret?: number | undefined;
}

/** `rewritten`: it reads as before, since this kernel, or nft, reads a rule that is right in other words than it was written. */
export type RuleFound = 'right' | 'rewritten' | 'repaired';

/** The rule in a sandbox that sends queries to our sockets (dataplane/sandbox/sandbox-rules.ts). */
export interface SandboxRules {
  /** Made or replaced at once. */
  ensure(sandboxPath: string, redirection: Redirection): Promise<void>;
  /** Made again, by one change of the ruleset at most, where it is not known to be as `ensure` made it. */
  repair(sandboxPath: string, redirection: Redirection): Promise<RuleFound>;
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

/** An address that a name outside was answered with. */
export interface AnsweredAddress {
  readonly address: string;
  readonly ttlSeconds: number;
}

/** What of the names outside one container may ask for. */
export interface EgressGate {
  /** `wait`: its labels are not known yet. `name` is in small letters, without the dot at its end. */
  judge(name: string): 'allowed' | 'refused' | 'wait';
  /** To be awaited before the container gets the answer. Never rejects. */
  admit(name: string, addresses: readonly AnsweredAddress[]): Promise<'admitted' | 'refused' | 'failed'>;
}

/** Undefined: it may ask for all. Asked at every query that Docker's resolver is to answer. */
export type GateOf = (sandboxPath: string, networkIds: ReadonlySet<string>) => EgressGate | undefined;
