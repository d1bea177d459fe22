/**
 * dockerd is killed with ten running containers and started again. Every round ends with the leak check.
 * TEST_ROUNDS=20 makes it a hundred kills.
 */
import { expect } from '@jest/globals';
import { type Container, createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { type Member, Squad } from '../support/containers/squad.js';
import { measureWaits, type Waits } from '../support/lab/docker-waits.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { rounds } from '../support/rounds.js';
import { eventually } from '../support/time/eventually.js';
import { countLost } from '../support/traffic/ping.js';

interface Case {
  readonly title: string;
  readonly liveRestore: (round: number) => boolean;
  /** Kills dockerd and starts it again; xnet has started by the end. */
  readonly restart: (lab: Lab, dockerdArgs: readonly string[], round: number) => Promise<void>;
  readonly units?: true;
  /** Docker itself tries again after pauses of up to 8 s when nobody listens. */
  readonly refused?: true;
}

/** What xnet may add to the start of dockerd. */
const DELAY_MS = 1000;

const CASES: readonly Case[] = [
  { title: 'xnet up', liveRestore: () => false, restart: restartDockerd },
  { title: 'live-restore, xnet up', liveRestore: () => true, restart: restartDockerd },
  { title: 'xnet down, socket-activated', liveRestore: () => false, units: true, restart: endBoth },
  {
    title: 'live-restore, xnet down, socket-activated',
    liveRestore: () => true,
    units: true,
    restart: endBoth,
  },
  {
    title: 'xnet down, and started after dockerd, with and without live-restore',
    liveRestore: (round) => round % 2 === 0,
    refused: true,
    restart: startXnetLater,
  },
];

async function restartDockerd(lab: Lab, dockerdArgs: readonly string[]): Promise<void> {
  await lab.dockerd('h1', 'kill');
  await lab.dockerd('h1', 'start', ...dockerdArgs);
}

/** Stopped, xnet is started by dockerd's first call; killed, by its supervisor, beside dockerd. */
async function endBoth(lab: Lab, dockerdArgs: readonly string[], round: number): Promise<void> {
  await Promise.all([lab.xnet('h1', round % 2 === 0 ? 'kill' : 'stop'), lab.dockerd('h1', 'kill')]);
  await lab.dockerd('h1', 'start', ...dockerdArgs);
}

async function startXnetLater(lab: Lab, dockerdArgs: readonly string[]): Promise<void> {
  await Promise.all([lab.xnet('h1', 'kill'), lab.dockerd('h1', 'kill')]);
  const before = await countRefusals(lab);
  const started = lab.dockerd('h1', 'start', ...dockerdArgs);
  await eventually(async () => expect(await countRefusals(lab)).toBeGreaterThan(before));
  await Promise.all([started, lab.xnet('h1', 'start')]);
}

async function countRefusals(lab: Lab): Promise<number> {
  const log = await lab.run(['logs', 'h1', 'dockerd']);
  return log.split('Unable to connect to plugin').length - 1;
}

async function killRound(
  lab: Lab,
  { liveRestore, restart, units, refused }: Case,
  round: number,
): Promise<Waits> {
  const live = liveRestore(round);
  const dockerdArgs = live ? ['--live-restore'] : [];
  // Docker that ends while it makes it never can again: its bridge driver keeps what its list of networks lacks.
  await eventually(() => lab.docker('h1', 'network', 'inspect', 'docker_gwbridge'));
  await lab.dockerd('h1', 'restart', ...dockerdArgs);
  await createMirroredNetwork(lab, 'shop');
  const witness = await runContainer(lab, 'h2', 'shop', { name: 'witness' });
  const squad = await Squad.start(lab, 'h1', 'shop', 10);
  await squad.expectAllRight(witness);
  const before = await squad.read();
  const refusals = await countRefusals(lab);
  const restarting = () => restart(lab, dockerdArgs, round);
  const waits = await measureWaits(lab, 'h1', { activated: !!(units || refused) }, () =>
    live ? expectNoneLost(witness, before, restarting) : restarting(),
  );
  if (!refused) expect(await countRefusals(lab)).toBe(refusals);
  if (live) expect(await squad.read()).toEqual(before);
  else await squad.startAgain();
  await squad.expectAllRight(witness);
  return waits;
}

/** A hundred pings a second to one of them. */
async function expectNoneLost(
  witness: Container,
  [member]: readonly Member[],
  action: () => Promise<void>,
): Promise<void> {
  expect(await countLost(witness, member?.address ?? '', action, { intervalS: 0.01 })).toBe(0);
}

describeInLab('dockerd kills', { hosts: 2 }, (test) => {
  for (const round of rounds(1)) {
    for (const each of CASES) {
      test(
        `dockerd killed and started, ${each.title} (${round})`,
        async (lab) => {
          if (each.units) await lab.run(['xnet', 'h1', 'units']);
          try {
            const { waitedMs, slowdown } = await killRound(lab, each, round);
            const figures = `${Math.round(waitedMs)} ms for xnet on a machine ${slowdown.toFixed(1)} times too slow`;
            console.info(`dockerd waited ${figures}: ${each.title} (${round})`);
            // Of an xnet that dockerd itself has to start, the figure is only told: it is about the bound.
            if (!each.units && !each.refused) expect(waitedMs / slowdown).toBeLessThan(DELAY_MS);
          } finally {
            if (each.units) {
              await lab.run(['xnet', 'h1', 'units', 'off']);
              await lab.xnet('h1', 'start');
            }
          }
        },
        { timeoutMs: 240_000 },
      );
    }
  }
});
