/**
 * src/driver: what Docker's NetworkDriver calls mean: networks of the cluster, and endpoints of this host in them. Each call
 * is one commit to the store and one change of the kernel, may be repeated, and is undone when half of it fails. Not in
 * here: work that no call of Docker's asks for (src/agent/), and how the kernel does it (src/dataplane/).
 *
 * Below is what the driver needs of the other parts; src/host/ hands it the real ones.
 */
import type { NetworkSpec } from '../dataplane/dataplane.js';
import type { Prefix } from '../inet/prefix.js';
import type { AddressOfEndpoint } from '../model/address.js';
import type { NetworkRecord } from '../model/network.js';
import type { CommitPart } from '../store/store.js';
import type { NetworkReference } from './networks/network-options.js';

export interface AddressBook {
  /**
   * Throws IN_USE naming the device, when one on the LAN of a network has an address that an endpoint is about to get. The LAN is asked
   * for what the IPAM of this host has not just chosen.
   */
  refuseUsed(wanted: readonly { poolKey: string; address: string }[]): Promise<void>;
  /** True when this host has claimed the address for an endpoint that is not created yet: nobody else can take it. */
  isClaimed(address: { poolKey: string; address: string }): boolean;
  /**
   * What an endpoint's commit must hold to own `address`: it is this host's claim, or free. Throws IN_USE
   * naming the holder.
   */
  bindPlan(wanted: AddressOfEndpoint): Promise<CommitPart>;
  /** What puts the endpoint's address to rest; empty when the endpoint no longer has it. */
  restPlan(given: AddressOfEndpoint): Promise<CommitPart>;
}

/** A subnet that Docker creates a network with. */
export interface GivenPool {
  readonly subnet: string;
  /** Absent: Docker's own IPAM chose the subnet. */
  readonly poolKey?: string;
  /** This host's hold on the pool, as Docker knows it. */
  readonly poolId?: string;
  /** The network that `--ipam-opt xnet.name` or `xnet.id` names. */
  readonly network?: NetworkReference;
  /** The user named no subnet: xnet has chosen it. */
  readonly isChosen?: true;
}

/** The pools of the IPAM, with which networks are created. */
export interface PoolBook {
  /** Keys of the pools of the global space with this subnet: a plain one, and those of named networks. */
  listGlobalPools(subnet: Prefix): Promise<string[]>;
  /** Gives a hold on a pool back. Idempotent. */
  releasePool(poolId: string): Promise<void>;
  /**
   * A manager of swarm's has requested again the network with this pool of the global space; it requests again the
   * pool's addresses next.
   */
  beginTakeover(poolKey: string): void;
  /** Gives the cluster's hold back, where the pool has one and no network uses it. Idempotent. */
  releaseGlobalPool(poolKey: string): Promise<void>;
}

/** A subnet of a host's docker_gwbridge, to which Docker connects every container of ours as well. */
export interface GatewaySubnet {
  readonly hostName: string;
  readonly subnet: string;
}

/** An address outside of all networks that containers must reach. */
export interface ReachedAddress {
  readonly address: string;
  /** Whose it is: `host h2`. */
  readonly what: string;
}

/** What Docker does with an endpoint in its container. */
export interface JoinedEndpoint {
  /** The interface that it moves there from the host's namespace. */
  readonly interfaceName: string;
  /** Next hops of the container's default routes; with one, Docker gives it no interface on docker_gwbridge for the outside. */
  readonly gateways?: readonly string[];
  /** Docker gives the container no interface on docker_gwbridge, though there is no gateway. */
  readonly isApart?: true;
  /** Further routes: by way of an address on the link, or on the link. */
  readonly routes?: readonly { readonly destination: string; readonly via?: string }[];
}

/** Where the containers' resolvers are. Nothing here fails: without one, Docker's own resolver answers. */
export interface Sandboxes {
  /** Begins to answer the names of the endpoint's network in the sandbox. Idempotent. */
  enter(endpoint: { readonly id: string; readonly networkId: string }, sandboxPath: string): void;
  /** Resolves when that is done, or after 20 s. */
  ready(endpointId: string): Promise<void>;
  leave(endpointId: string): void;
}

/** What keeps containers of networks with xnet.egress=deny from the outside. */
export interface Egress {
  /** A container is about to join the network. Throws UNSUPPORTED and KERNEL where it could not be closed. */
  prepare(network: NetworkRecord, sandboxPath: string): Promise<void>;
  /** Docker has finished the sandbox: resolves when its container is closed. Never fails. */
  close(networkId: string, endpointId: string): Promise<void>;
  /** An endpoint has gone. */
  hint(): void;
}

/** The hosts files that Docker keeps for containers. Nothing here fails, or takes longer than a second. */
export interface HostsFiles {
  /** The endpoint is in the sandbox. Idempotent. */
  enter(endpointId: string, sandboxPath: string): void;
  /** Resolves when the container finds itself at these addresses, which Docker has written into its file. */
  correct(endpointId: string, addresses: readonly string[]): Promise<void>;
  /** Resolves when Docker will find what it wrote of them. */
  leave(endpointId: string, addresses: readonly string[]): Promise<void>;
}

export interface NetworkFollower {
  /** Resolves when this host forwards to all endpoints of the network as the store has them; then keeps it so. */
  follow(network: NetworkSpec): Promise<void>;
  /** The network has no endpoint left on this host: follows on for a while, since the next may come soon. */
  unfollowLater(networkId: string): void;
  /** Resolves when nothing of the network is touched any more. Idempotent. */
  unfollow(networkId: string): Promise<void>;
}

export interface Policies {
  /** Resolves when what the policies say of the network, which is in the kernel now, is in force; at once where they say nothing. */
  applied(networkId: string): Promise<void>;
}

export interface Labels {
  /**
   * Docker is about to start the container of this endpoint: its labels become known where they count. Nobody waits for it; called again
   * when Docker has come further. Never throws.
   */
  publishSoon(endpointId: string): void;
}
