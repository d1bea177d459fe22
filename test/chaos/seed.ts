/** One seed from end to end: a lab of its own, the plan, and the check that nothing is left. */
import { cp, mkdtemp } from 'node:fs/promises';
import { callTimes } from '../support/lab/call-times.js';
import type { Lab } from '../support/lab/lab.js';
import { LeakCheck } from '../support/lab/leak-check.js';
import { randomFrom } from '../support/random.js';
import { eventually } from '../support/time/eventually.js';
import { carryOut, type Reporter, Violation } from './carry-out.js';
import { kindsWithout } from './operations/all.js';
import { planRounds } from './plan.js';
import { compareResources, findGrowth, type Resources, readResources } from './resources.js';
import { World } from './world.js';

export interface SeedOptions {
  readonly seed: number;
  readonly steps: number;
  /** Kinds of operations, or groups of them, that are left out. */
  readonly without: readonly string[];
  /** Where each line goes as soon as it is known. */
  readonly say: (line: string) => void;
  /** Ends it, with a failure. */
  readonly signal?: AbortSignal;
}

export const STEPS = 24;

/**
 * The longest that xnet keeps what Docker gave up or forgot: creations that broke off, endpoints given up while xnet was
 * away; and a program that has had nothing to do (60 s), each with three files of the daemon.
 */
const LEFT_MS = 90_000;

/** Of a daemon that has had some work, against one that has just come up. */
const GROWTH = { memory: 1.5, files: 8 };

/** Rejects with what was wrong, the steps done and how to have it again. */
export async function runSeed(options: SeedOptions): Promise<void> {
  const lines: string[] = [];
  const reporter: Reporter = {
    steps: 0,
    say: (line) => {
      lines.push(line);
      options.say(line);
    },
  };
  await using world = await World.up(`chaos-${options.seed}`, options.signal);
  try {
    await runIn(world, options, reporter);
  } catch (error) {
    const what = error instanceof Violation ? error.message : String((error as Error).stack);
    throw new Error(
      [
        ...[`seed ${options.seed}: ${what}`, 'done:', ...lines],
        ...[`logs: ${await keepLogs(world, options.seed)}`, `again: ${replay(options, reporter.steps)}`],
      ].join('\n'),
    );
  }
}

async function runIn(world: World, options: SeedOptions, reporter: Reporter): Promise<void> {
  const { hosts, members, lab } = world;
  const kinds = kindsWithout(options.without);
  const rounds = planRounds({ seed: options.seed, hosts, members, kinds, steps: options.steps });
  const leakCheck = await LeakCheck.of(lab);
  const before = await readResources(lab);
  await carryOut(world, rounds, randomFrom(options.seed + 1), reporter);
  const started = performance.now();
  await leakCheck.cleanAndCheck(LEFT_MS).catch((error: Error) => {
    throw new Violation(error.message);
  });
  reporter.say(`   nothing left ${((performance.now() - started) / 1000).toFixed(1)} s after the last round`);
  await checkGrowth(lab, before, reporter);
  for (const host of hosts) reporter.say(`   ${await describeSlowest(lab, host)}`);
}

/** Throws Violation. */
async function checkGrowth(lab: Lab, before: readonly Resources[], reporter: Reporter): Promise<void> {
  let after: readonly Resources[] = [];
  const check = async () => {
    after = await readResources(lab);
    const grown = findGrowth(before, after, GROWTH);
    if (grown.length > 0) throw new Violation(grown.join('\n'));
  };
  await eventually(check, LEFT_MS, 5_000).finally(() => {
    for (const line of compareResources(before, after)) reporter.say(`   ${line}`);
  });
}

async function describeSlowest(lab: Lab, host: string): Promise<string> {
  const calls = await callTimes(lab, host);
  const [longest] = calls.sort((one, other) => other.ms - one.ms);
  return `calls of Docker on ${host}: ${calls.length}, the longest ${longest?.method} ${longest?.ms} ms`;
}

/** Copies the whole logs of all services, which go with the lab, to a directory that stays. In jest, tmpdir() does not. */
async function keepLogs({ lab }: World, seed: number): Promise<string> {
  const directory = await mkdtemp(`/var/tmp/xnet-chaos-seed-${seed}-`);
  await cp(lab.logDirectory, directory, { recursive: true });
  return directory;
}

function replay({ seed, without }: SeedOptions, steps: number): string {
  const narrowed = without.length > 0 ? ` --without ${without.join(',')}` : '';
  return `test/chaos/run --seed ${seed} --steps ${steps}${narrowed}`;
}
