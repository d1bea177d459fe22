/** What will be done, step by step, worked out from the seed alone: the same seed is the same plan. */
import { type Random, randomFrom } from '../support/random.js';
import { healFault, orderFaults } from './faults.js';
import { emptyModel, type Fault, type Model, settle } from './model.js';
import { collide, type Kind, type Operation } from './operation.js';
import { NETWORK_KINDS } from './operations/networks.js';

/** Operations that are begun at the same time. */
export interface Step {
  readonly operations: readonly Planned[];
  /** What is so when all are done. */
  readonly after: Model;
}

export interface Planned {
  readonly operation: Operation;
  /** It may fail: what it needs is out of order. */
  readonly mayFail: boolean;
}

/** Steps, then all faults are healed, what is doubtful is removed, and it is checked that everything works. */
export interface Round {
  readonly steps: readonly Step[];
  readonly healings: readonly Operation[];
  readonly doubtful: { readonly containers: Model['containers']; readonly networks: readonly string[] };
  /** What must be so in quiet. */
  readonly quiet: Model;
}

export interface PlanOptions {
  readonly seed: number;
  readonly hosts: readonly string[];
  readonly members: readonly string[];
  readonly kinds: readonly Kind[];
  /** Of the plan: it ends after so many, and is up to there the same as a longer one. */
  readonly steps: number;
}

const STEPS_A_ROUND = 6;
const MOST_AT_ONCE = 3;

export function planRounds({ seed, hosts, members, kinds, steps }: PlanOptions): Round[] {
  const random = randomFrom(seed);
  const rounds: Round[] = [];
  let model = emptyModel(hosts, members);
  let left = steps;
  while (left > 0) {
    // Without networks nearly nothing can be done.
    const isFirst = rounds.length === 0;
    const round = isFirst
      ? planRound(model, NETWORK_KINDS, random, 1)
      : planRound(model, kinds, random, Math.min(STEPS_A_ROUND, left));
    rounds.push(round);
    left -= round.steps.length;
    model = round.quiet;
  }
  return rounds;
}

function planRound(before: Model, kinds: readonly Kind[], random: Random, count: number): Round {
  const steps: Step[] = [];
  let model = before;
  while (steps.length < count) {
    const step = planStep(model, kinds, random);
    steps.push(step);
    model = step.after;
  }
  return { steps, ...planQuiet(model) };
}

function planStep(before: Model, kinds: readonly Kind[], random: Random): Step {
  const count = 1 + Math.floor(random() * MOST_AT_ONCE);
  const operations: Operation[] = [];
  let after = before;
  for (let tries = 0; operations.length < count && tries < 50; tries += 1) {
    // From what was before, as those of a step do not wait for each other.
    const operation = drawKind(kinds, random).draw({ ...before, named: after.named }, random);
    if (!operation || operations.some((other) => collide(operation, other))) continue;
    operations.push(operation);
    after = applied(after, operation, false);
  }
  const planned = operations.map((operation) => ({
    operation,
    mayFail: [before, after].some((model) => operation.mayFail?.(model) ?? false),
  }));
  return {
    operations: planned,
    after: planned.reduce((model, { operation, mayFail }) => applied(model, operation, mayFail), before),
  };
}

function applied(model: Model, operation: Operation, doubtful: boolean): Model {
  const copy = structuredClone(model);
  operation.apply(copy, doubtful);
  return copy;
}

function drawKind(kinds: readonly Kind[], random: Random): Kind {
  let place = random() * kinds.reduce((sum, { weight }) => sum + weight, 0);
  const found = kinds.find(({ weight }) => {
    place -= weight;
    return place < 0;
  });
  return (found ?? kinds[0]) as Kind;
}

function planQuiet(model: Model): Pick<Round, 'healings' | 'doubtful' | 'quiet'> {
  const healings = orderFaults(model.faults).map((fault: Fault) => healFault(fault));
  const healed = healings.reduce((before, healing) => applied(before, healing, false), model);
  const quiet = structuredClone(healed);
  const isDoubtful = ({ doubtful }: { doubtful: boolean }) => doubtful;
  quiet.containers = quiet.containers.filter((container) => !isDoubtful(container));
  quiet.networks = quiet.networks.filter((network) => !isDoubtful(network));
  settle(quiet);
  return {
    healings,
    doubtful: {
      containers: healed.containers.filter(isDoubtful),
      networks: healed.networks.filter(isDoubtful).map(({ name }) => name),
    },
    quiet,
  };
}
