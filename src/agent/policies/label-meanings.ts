import { GATEWAY_LABEL, hasLabels, type Labels } from '../../model/policy/labels.js';
import { type PolicyDocument, type PolicyRule, sourceOf } from '../../model/policy/policy.js';

/** What the labels of a container say of it in a network. */
export interface Meaning {
  /** Names of the policies that select it: the very same array for all containers that the same ones select. */
  readonly selectedBy: readonly string[];
  /** Places of the rules that let it in, among all rules of the policies that go by labels. */
  readonly letInBy: readonly number[];
  readonly isGateway: boolean;
}

/**
 * What labels mean by some policies, worked out once for each object of labels: where one endpoint of thousands has changed, all others
 * have the labels that they had. Pure.
 */
export class LabelMeanings {
  readonly #known = new WeakMap<Labels, Meaning>();
  readonly #selections = new Map<string, readonly string[]>();
  readonly #places = new Map<PolicyRule, number>();
  readonly #sources: Labels[] = [];

  /** `policies`: of one network, in their order. */
  constructor(readonly policies: readonly PolicyDocument[]) {
    for (const rule of policies.flatMap(({ allow }) => allow)) {
      const source = sourceOf(rule);
      if (!('labels' in source)) continue;
      this.#places.set(rule, this.#sources.length);
      this.#sources.push(source.labels);
    }
  }

  /** Of rules that go by labels. */
  get places(): number {
    return this.#sources.length;
  }

  /** Undefined: the rule does not go by labels. */
  placeOf(rule: PolicyRule): number | undefined {
    return this.#places.get(rule);
  }

  of(labels: Labels): Meaning {
    const known = this.#known.get(labels);
    if (known) return known;
    const meaning = this.#workOut(labels);
    this.#known.set(labels, meaning);
    return meaning;
  }

  #workOut(labels: Labels): Meaning {
    const names = this.policies.filter(({ to }) => hasLabels(labels, to)).map(({ policy }) => policy);
    // No name has a space.
    const key = names.join(' ');
    const selectedBy = this.#selections.get(key) ?? names;
    this.#selections.set(key, selectedBy);
    return {
      selectedBy,
      letInBy: this.#sources.flatMap((source, place) => (hasLabels(labels, source) ? place : [])),
      isGateway: hasLabels(labels, { [GATEWAY_LABEL]: 'true' }),
    };
  }
}
