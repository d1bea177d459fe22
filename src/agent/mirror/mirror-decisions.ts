/** What the mirror's plan decides on networks that were created here a moment ago (driver/networks/new-networks.ts). */
import type { NewNetworks } from '../../driver/networks/new-networks.js';
import { isNameLeaving, type MirrorStep, type MirrorView } from './mirror-plan.js';

type Decision = Extract<MirrorStep, { do: 'publish' | 'join' | 'replace' }>;

/** With its end, done or failed, it is known what becomes of the new network. */
export function isDecision(step: MirrorStep): step is Decision {
  return step.do === 'publish' || step.do === 'join' || step.do === 'replace';
}

/** Accepts the networks that the plan leaves as they are, and refuses those that it replaces. */
export function noteDecisions(
  newNetworks: NewNetworks,
  view: Pick<MirrorView, 'dockerNetworks' | 'networks' | 'bindings' | 'justRemoved'>,
  steps: readonly MirrorStep[],
): void {
  const decisions = new Map(steps.filter(isDecision).map((step) => [step.dockerNetwork.id, step.do]));
  const known = new Set(view.networks.map(({ id }) => id));
  const bound = new Map(view.bindings.map(({ dockerNetworkId, networkId }) => [dockerNetworkId, networkId]));
  for (const { id, name } of view.dockerNetworks) {
    const decision = decisions.get(id);
    if (decision === 'replace') newNetworks.refuse(id, replacedText(name));
    // The plan decides nothing on a network that is not in the view yet.
    const isPlanned = known.has(bound.get(id) ?? '') && !isNameLeaving(view, name);
    if (!decision && isPlanned) newNetworks.accept(id);
  }
}

function replacedText(name: string): string {
  return `the network ${name} that other hosts have takes the place of the one that was created here; start the container again`;
}
