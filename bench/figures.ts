/** What a section found out, as rows of the report. */
import { median, pairedRatios, quantile } from './statistics.js';

/** One row of the report. */
export interface Figure {
  readonly what: string;
  /** The ratio or the value that the goal is about. */
  readonly result: string;
  readonly xnet: string;
  readonly against: string;
  readonly goal: string;
  /** Undefined where there is no goal. */
  readonly met?: boolean | undefined;
}

export interface Goal {
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Comparison {
  readonly what: string;
  readonly unit: string;
  /** Samples of the same rounds. */
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  readonly opponent: string;
  /** For the ratio xnet : opponent. */
  readonly goal?: Goal;
}

/** The ratio is the median of the rounds' ratios. */
export function compare({ what, unit, ours, theirs, opponent, goal }: Comparison): Figure {
  const ratios = pairedRatios(ours, theirs);
  return {
    what,
    result: describe(ratios, '', 3),
    xnet: describe(ours, unit),
    against: `${opponent} ${describe(theirs, unit)}`,
    ...judge(median(ratios), goal),
  };
}

export interface Value {
  readonly what: string;
  readonly unit: string;
  readonly value: number;
  readonly goal?: Goal;
  /** What else is worth knowing. */
  readonly note?: string;
  readonly against?: string;
}

export function state({ what, unit, value, goal, note = '', against = '' }: Value): Figure {
  return { what, result: `${show(value)}${unit}`, xnet: note, against, ...judge(value, goal, unit) };
}

/** Median and the quartiles around it. */
export function describe(samples: readonly number[], unit: string, digits?: number): string {
  const [low, high] = [quantile(samples, 0.25), quantile(samples, 0.75)];
  return `${show(median(samples), digits)}${unit} (${show(low, digits)} to ${show(high, digits)})`;
}

export function show(
  value: number,
  digits = Math.abs(value) < 1 ? 3 : Math.abs(value) < 100 ? 2 : 0,
): string {
  return value.toFixed(digits);
}

function judge(value: number, goal: Goal | undefined, unit = ''): { goal: string; met?: boolean } {
  if (goal?.atLeast !== undefined) return { goal: `>= ${goal.atLeast}${unit}`, met: value >= goal.atLeast };
  if (goal?.atMost !== undefined) return { goal: `<= ${goal.atMost}${unit}`, met: value <= goal.atMost };
  return { goal: '' };
}
