/**
 * src/agent/labels: the labels of this host's containers, by their endpoints, as Docker has them. Not in here: what labels are
 * good for (policies, egress), and those of other hosts' containers, which are in their endpoints' records.
 */
import type { Labels } from '../../model/policy/labels.js';

/** A container, as far as its labels go. Docker never changes the labels of a container. */
export interface LabelledContainer {
  readonly id: string;
  readonly labels: Labels;
  /** Ids are empty while it does not run. */
  readonly endpoints: readonly { readonly endpointId: string }[];
}

/**
 * Filled from inspections and lists of Docker's, so it never asks anybody. A container that is not known yet has no labels here, which
 * is not the same as one without labels: `labelsOf` is undefined then.
 */
export class KnownLabels {
  readonly #byEndpoint = new Map<string, Labels>();
  /** Container -> its endpoints. */
  readonly #endpoints = new Map<string, readonly string[]>();
  readonly #listeners = new Set<(endpointIds: ReadonlySet<string>) => void>();

  /** All labels of the container with this endpoint; undefined: not known yet. */
  labelsOf(endpointId: string): Labels | undefined {
    return this.#byEndpoint.get(endpointId);
  }

  /** What Docker has of the container now. Endpoints that it had before, and has no more, are forgotten. */
  learn({ id, labels, endpoints }: LabelledContainer): void {
    const now = endpoints.map(({ endpointId }) => endpointId).filter((endpointId) => endpointId !== '');
    const former = this.#endpoints.get(id) ?? [];
    const gone = former.filter((endpointId) => !now.includes(endpointId));
    const come = now.filter((endpointId) => !this.#byEndpoint.has(endpointId));
    for (const endpointId of gone) this.#byEndpoint.delete(endpointId);
    for (const endpointId of now) this.#byEndpoint.set(endpointId, labels);
    if (now.length > 0) this.#endpoints.set(id, now);
    else this.#endpoints.delete(id);
    this.#report([...gone, ...come]);
  }

  /** Docker has removed the container. */
  forget(containerId: string): void {
    this.learn({ id: containerId, labels: {}, endpoints: [] });
  }

  /** Calls `listener` with the endpoints whose labels have become known, or are no more, until the returned function is called. */
  onChange(listener: (endpointIds: ReadonlySet<string>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #report(endpointIds: readonly string[]): void {
    if (endpointIds.length === 0) return;
    const changed = new Set(endpointIds);
    for (const listener of this.#listeners) listener(changed);
  }
}
