/** The command line of bench/scale. */
import { parseArgs } from 'node:util';
import type { Size } from './cluster/plan.js';
import type { Pace } from './rig.js';

export interface RigOptions {
  readonly size: Size;
  readonly pace: Pace;
  /** Real ones in a run: the measured one, and others beside it. */
  readonly daemons: number;
  /** Runs of each contestant. */
  readonly rounds: number;
  /** How long a daemon may take until it is ready. */
  readonly readyMs: number;
  /** Files for the figures, and for the report, which is added to what is there. */
  readonly json?: string | undefined;
  readonly out?: string | undefined;
  /** Directory for profiles of the daemon. */
  readonly profiles?: string | undefined;
  /** Another commit, and where bench/scale has built it. */
  readonly against?: { readonly commit: string; readonly directory: string } | undefined;
}

/** While idle so many windows: xnet's longest pause between two looks is 30 s. */
const IDLE_WINDOWS = 3;

const QUICK: Pace = { windowMs: 2_000, idleMs: 3_000, settleMs: 1_000, timed: 6, foreignPerSecond: 60 };

const NUMBERS = {
  hosts: 20,
  networks: 20,
  endpoints: 500,
  'own-networks': 3,
  big: 0,
  daemons: 1,
  rounds: 1,
  seconds: 20,
  settle: 5,
  rate: 100,
  timed: 100,
  patience: 300,
};

const MAY_BE_ZERO: ReadonlySet<string> = new Set(['big', 'patience']);

/** Throws for what is no option, or no number. */
export function parseOptions(args: readonly string[]): RigOptions {
  const numbers = Object.fromEntries(Object.keys(NUMBERS).map((name) => [name, { type: 'string' as const }]));
  const text = { type: 'string' as const };
  const texts = { json: text, out: text, profiles: text, against: text };
  const other = { quick: { type: 'boolean' as const } };
  const { values } = parseArgs({ args: [...args], options: { ...numbers, ...texts, ...other } });
  const given = values as Readonly<Record<string, string | undefined>>;
  const number = (name: keyof typeof NUMBERS) => numberOf(name, given[name]);
  const windowMs = number('seconds') * 1000;
  const full = {
    windowMs,
    idleMs: IDLE_WINDOWS * windowMs,
    settleMs: number('settle') * 1000,
    timed: number('timed'),
    foreignPerSecond: number('rate'),
  };
  const { json, out, profiles, against } = given;
  const size = {
    ...{ hosts: number('hosts'), networks: number('networks'), endpoints: number('endpoints') },
    ...{ ownNetworks: Math.min(number('own-networks'), number('networks')), big: number('big') },
  };
  if (size.endpoints < size.networks)
    throw new Error(
      `--endpoints ${size.endpoints} is too few: each of the ${size.networks} networks has some`,
    );
  return {
    ...{ size, pace: values.quick ? QUICK : full, daemons: number('daemons'), rounds: number('rounds') },
    ...{ readyMs: number('patience') * 1000, json, out, profiles },
    ...(against !== undefined && { against: { commit: against, directory: process.env.RIG_AGAINST ?? '' } }),
  };
}

function numberOf(name: keyof typeof NUMBERS, text: string | undefined): number {
  const value = text === undefined ? NUMBERS[name] : Number(text);
  const least = MAY_BE_ZERO.has(name) ? 0 : 1;
  if (Number.isInteger(value) && value >= least) return value;
  throw new Error(`--${name} ${text} cannot be; give a whole number from ${least} on`);
}
