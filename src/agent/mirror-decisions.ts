/** What the mirror's plan says about networks that were created here a moment ago (driver/new-networks.ts). */
import type { NewNetworks } from '../driver/new-networks.js';
import type { MirrorStep, MirrorView } from './mirror-plan.js';

type Decision = Extract<MirrorStep, { do: 'publish' | 'join' | 'remove' }>;

/** With its end, done or failed, it is known what becomes of the new network. */
export function isDecision(step: MirrorStep): step is Decision {
  return step.do === 'publish' || step.do === 'join' || (step.do === 'remove' && step.cause === 'second');
}

/** Accepts the networks that the plan leaves as they are, and refuses those that it replaces. */
export function noteDecisions(
  newNetworks: NewNetworks,
  { dockerNetworks, networks, bindings }: Pick<MirrorView, 'dockerNetworks' | 'networks' | 'bindings'>,
  steps: readonly MirrorStep[],
): void {
  const decisions = new Map(steps.filter(isDecision).map((step) => [step.dockerNetwork.id, step]));
  const present = new Set(dockerNetworks.map(({ id }) => id));
  const known = new Set(networks.map(({ id }) => id));
  for (const { dockerNetworkId, networkId } of bindings) {
    const step = decisions.get(dockerNetworkId);
    if (step?.do === 'remove') newNetworks.refuse(dockerNetworkId, replacedText(step.dockerNetwork.name));
    // What the view does not have yet, the plan does not speak of.
    else if (!step && present.has(dockerNetworkId) && known.has(networkId))
      newNetworks.accept(dockerNetworkId);
  }
}

function replacedText(name: string): string {
  return `another host created a network ${name} first, which takes the place of this host's; start the container again`;
}
