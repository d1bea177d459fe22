/** Carries a plan out, and checks the lab after every step and in the quiet after every round. */
import { setTimeout as pause } from 'node:timers/promises';
import { CommandError } from '../support/programs/command.js';
import type { Random } from '../support/random.js';
import {
  findSharedAddresses,
  findUnclaimedAddresses,
  findWrongContainers,
  findWrongNetworks,
} from './invariants.js';
import { hasFault, type Model } from './model.js';
import { observeAddresses, observeHost, type SeenHost } from './observe.js';
import type { Operation } from './operation.js';
import type { Planned, Round, Step } from './plan.js';
import { findBrokenPaths, findWrongReach } from './reach.js';
import type { World } from './world.js';

/** xnet's promise: so long after the last disturbance all is right. */
const QUIET_MS = 5_000;

export interface Reporter {
  /** A line about what is done, or was found. */
  say(line: string): void;
  /** Steps begun so far. */
  steps: number;
}

/** Something is not as it must be. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** Resolves when every check passed. Throws Violation for the first that did not. `random` draws what is checked. */
export async function carryOut(
  world: World,
  rounds: readonly Round[],
  random: Random,
  reporter: Reporter,
): Promise<void> {
  for (const round of rounds) {
    for (const step of round.steps) await carryOutStep(world, step, reporter);
    await calmDown(world, round, reporter);
    await checkQuiet(world, round.quiet, random, reporter);
  }
  const last = rounds.at(-1)?.quiet;
  if (last) await checkLasting(world, last, random);
}

/** What was right at once is so still. */
async function checkLasting(world: World, model: Model, random: Random): Promise<void> {
  await pause(QUIET_MS);
  const wrong = await findWrong(world, model, random);
  if (wrong.length > 0) throw new Violation(`right at first, and not any more:\n${wrong.join('\n')}`);
}

async function carryOutStep(world: World, step: Step, reporter: Reporter): Promise<void> {
  reporter.steps += 1;
  reporter.say(`${reporter.steps}. ${step.operations.map(({ operation }) => operation.text).join(' | ')}`);
  await Promise.all(step.operations.map((planned) => performPlanned(world, planned, reporter)));
  const hosts = await observeServing(world, step.after);
  const wrong = [...findSharedAddresses(hosts), ...(await findBrokenPaths(world.lab, step.after, hosts))];
  if (wrong.length > 0) throw new Violation(wrong.join('\n'));
}

async function performPlanned(
  world: World,
  { operation, mayFail }: Planned,
  reporter: Reporter,
): Promise<void> {
  const started = performance.now();
  try {
    await operation.perform(world);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (!mayFail) throw new Violation(`"${operation.text}" failed: ${error.message}`);
    reporter.say(`   refused: ${operation.text}`);
  }
  const seconds = (performance.now() - started) / 1000;
  if (seconds > SLOW_SECONDS) reporter.say(`   ${operation.text}: took ${seconds.toFixed(1)} s`);
}

/** Longer than what Docker takes of itself on a machine with other work too. */
const SLOW_SECONDS = 5;

async function calmDown(world: World, { healings, doubtful }: Round, reporter: Reporter): Promise<void> {
  if (healings.length > 0) reporter.say(`   quiet: ${healings.map(({ text }) => text).join(', ')}`);
  for (const healing of healings) await heal(world, healing);
  await Promise.all(
    doubtful.containers.map(({ host, name }) => removeDoubtful(world, host, ['rm', '-f', name])),
  );
  for (const network of doubtful.networks) {
    for (const host of world.hosts) await removeDoubtful(world, host, ['network', 'rm', network]);
  }
}

async function heal(world: World, healing: Operation): Promise<void> {
  await healing.perform(world).catch((error: unknown) => {
    throw new Violation(`"${healing.text}" failed: ${error}`);
  });
}

/** Nobody knows whether it is there. */
async function removeDoubtful(world: World, host: string, command: readonly string[]): Promise<void> {
  await world.lab.docker(host, ...command).catch((error: unknown) => {
    if (!/[Nn]o such|not found/.test(String(error))) throw new Violation(`${host}: ${error}`);
  });
}

/** A check that begins before QUIET_MS may fail; one that begins then may not. */
async function checkQuiet(world: World, model: Model, random: Random, reporter: Reporter): Promise<void> {
  const started = performance.now();
  for (;;) {
    const beganMs = performance.now() - started;
    const wrong = await findWrong(world, model, random);
    if (wrong.length === 0) {
      reporter.say(`   quiet: all is right ${(beganMs / 1000).toFixed(1)} s after the last disturbance`);
      return;
    }
    if (beganMs >= QUIET_MS)
      throw new Violation(`after ${(beganMs / 1000).toFixed(1)} s of quiet:\n${wrong.join('\n')}`);
    await pause(Math.min(250, Math.max(0, QUIET_MS - beganMs)));
  }
}

async function findWrong(world: World, model: Model, random: Random): Promise<string[]> {
  const [hosts, addresses] = await Promise.all([
    observeServing(world, model),
    observeAddresses(world.lab).catch(() => undefined),
  ]);
  if (addresses === undefined) return ['the store does not answer'];
  const wrong = [
    ...findSharedAddresses(hosts),
    ...findWrongContainers(model, hosts),
    ...findWrongNetworks(model, hosts),
    ...findUnclaimedAddresses(hosts, addresses),
  ];
  return wrong.length > 0 ? wrong : findWrongReach(world.lab, model, hosts, random);
}

/** Of a host whose Docker is down nothing can be seen. */
async function observeServing(world: World, model: Model): Promise<SeenHost[]> {
  const hosts = world.hosts.filter((host) => !hasFault(model, host, 'dockerd down'));
  return Promise.all(hosts.map((host) => observeHost(world.lab, host)));
}
