/** What the mirror can do so that Docker and the cluster agree, and what a plan of it has. */
import type { DockerNetwork } from '../../docker/engine.js';
import type { BindingRecord } from '../../model/binding.js';
import type { MirrorRecord } from '../../model/network.js';
import type { DockerFacts } from '../hosts/host-registration.js';

/** A user removed it on another host; its network is no longer in the cluster. */
export type RemovalCause = 'removed' | 'orphan';

type Do<Verb extends string, On = unknown> = { readonly do: Verb } & Readonly<On>;

interface Pair {
  networkId: string;
  dockerNetwork: DockerNetwork;
}

export type MirrorStep =
  /** Let the cluster know of a network that a user created here. */
  | Do<'publish', Pair>
  /** Bind a Docker network to the network of the cluster that has its name, and is the same but for labels. */
  | Do<'join', Pair & { holderId: string }>
  /** Put a copy of `networkId` in the place of a Docker network. `labels`: which it has from now on. */
  | Do<'replace', Pair & { labels?: MirrorRecord['labels'] }>
  /** Note in the binding that the Docker network is there. */
  | Do<'see', { networkId: string; dockerNetwork: Pick<DockerNetwork, 'id' | 'name'> }>
  /** Make the Docker network of a mirrored network. */
  | Do<'copy', { networkId: string; name: string }>
  /** Remove a Docker network; Docker refuses when it has an endpoint. `networkId`: of the cause. */
  | Do<'remove', Pair & { cause: RemovalCause }>
  /** Make docker_gwbridge before Docker does, so that Docker's IPAM keeps its subnet out of new networks. */
  | Do<'bridge'>
  /** Let the cluster know of its subnets, so that no host creates a network that overlaps them. */
  | Do<'announce', { facts: DockerFacts }>
  /** Undo a removal: endpoints are left, or containers of this host belong to the network (`here`). */
  | Do<'keep', { networkId: string; here: boolean }>
  /** Connect containers that do not run to the Docker network that replaced theirs. */
  | Do<'reconnect', { dockerNetwork: DockerNetwork; containerIds: readonly string[] }>
  /** Unbind a Docker network that is gone; `lost`: nobody removed it. */
  | Do<'unbind', { binding: BindingRecord; lost: boolean }>;

export type Step<Verb extends MirrorStep['do']> = Extract<MirrorStep, { do: Verb }>;

/** What becomes of a network that was created here: with the step's end, done or failed, it is known. */
export function isDecision(step: MirrorStep): step is Step<'publish' | 'join' | 'replace'> {
  return step.do === 'publish' || step.do === 'join' || step.do === 'replace';
}

/** What is to be done, and the texts of what is to be reported (`xnet status`). */
export type MirrorPlan = readonly (MirrorStep | string)[];
