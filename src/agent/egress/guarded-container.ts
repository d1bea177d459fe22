import { errorMessage } from '../../errors.js';
import { EGRESS_LABEL, type EgressAllow, NOTHING_ALLOWED, parseEgressAllow } from './egress-label.js';

/** A container in a network with xnet.egress=deny, as Docker has it. */
export interface GuardedContainer {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Names of the networks by which it goes out without docker_gwbridge: of other drivers, and on LANs. */
  readonly otherWays: readonly string[];
}

/** By the labels as Docker gave them once: they are asked for at every query, and never change. */
const parsed = new WeakMap<
  GuardedContainer['labels'],
  { readonly allow: EgressAllow; readonly problem?: string }
>();

/** What the container may reach: nothing while it is not known, or its label is wrong, which is `problem`. */
export function parseLabel(container: GuardedContainer | undefined): {
  readonly allow: EgressAllow;
  readonly problem?: string;
} {
  if (!container) return { allow: NOTHING_ALLOWED };
  const known = parsed.get(container.labels);
  if (known) return known;
  const result = parse(container);
  parsed.set(container.labels, result);
  return result;
}

function parse({ labels }: GuardedContainer): { readonly allow: EgressAllow; readonly problem?: string } {
  try {
    return { allow: parseEgressAllow(labels[EGRESS_LABEL]) };
  } catch (error: unknown) {
    return { allow: NOTHING_ALLOWED, problem: errorMessage(error) };
  }
}

/** Each with its remedy. */
export function problemsOf(container: GuardedContainer): string[] {
  const { name, otherWays } = container;
  const { problem } = parseLabel(container);
  return [
    ...(problem === undefined ? [] : [`container ${name} reaches nothing outside: ${problem}`]),
    ...otherWays.map(
      (network) =>
        `container ${name} is in a network with xnet.egress=deny, and goes out by network ${network} all the same; \`docker network disconnect ${network} ${name}\``,
    ),
  ];
}
