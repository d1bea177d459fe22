/** Networks come and go on all hosts while services are restarted. A seed of your own: STRESS_SEED=7. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { CREATE, succeeds } from '../support/containers/containers.js';
import { expectNoProblem, listNetworks } from '../support/containers/networks.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { pick, type Random, randomFrom, shuffle } from '../support/random.js';
import { eventually } from '../support/time/eventually.js';

const NETWORKS = Array.from({ length: 30 }, (_, index) => `net${index + 1}`);

/**
 * Mostly a few seconds. Docker waits 15 s for a plugin that is away, and xnet gives back the pool of a creation that
 * broke off after 60 s.
 */
const QUIET_MS = 120_000;

interface Operation {
  readonly host: string;
  readonly command: readonly string[];
}

type Restart = (lab: Lab) => Promise<unknown>;

/** Every network is created; most are removed, of those some are created again, on whatever host. */
function planOperations(random: Random, hosts: readonly string[]): Operation[] {
  const create = (name: string) => ({ host: pick(random, hosts), command: [...CREATE, name] });
  const remove = (name: string) => ({ host: pick(random, hosts), command: ['network', 'rm', name] });
  const rounds = [
    NETWORKS.map(create),
    NETWORKS.filter(() => random() < 0.7).map(remove),
    NETWORKS.filter(() => random() < 0.3).map(create),
    NETWORKS.filter(() => random() < 0.2).map(remove),
  ];
  // Each round overlaps the next: an operation may come before the one that it follows.
  const placed = rounds.flatMap((operations, round) =>
    operations.map((operation) => ({ operation, place: round + random() * 1.5 })),
  );
  return placed.sort((one, other) => one.place - other.place).map(({ operation }) => operation);
}

function planRestarts(random: Random, hosts: readonly string[]): Restart[] {
  return shuffle<Restart>(random, [
    ...hosts.map((host) => (lab: Lab) => lab.xnet(host, 'restart')),
    (lab) => lab.dockerd(pick(random, hosts), 'restart'),
    (lab) => lab.dockerd(pick(random, hosts), 'restart'),
    async (lab) => {
      const host = pick(random, hosts);
      await lab.xnet(host, 'kill');
      await lab.xnet(host, 'start');
    },
    async (lab) => {
      await lab.etcd('stop');
      await lab.etcd('start');
    },
  ]);
}

/** One host's operations, one after the other. What Docker refuses (a name taken, none there, etcd away) is no matter. */
async function perform(lab: Lab, operations: readonly Operation[]): Promise<void> {
  for (const { host, command } of operations) await succeeds(lab.docker(host, ...command));
}

async function disturb(lab: Lab, restarts: readonly Restart[]): Promise<void> {
  for (const restart of restarts) {
    await restart(lab);
    await pause(500);
  }
}

/** How many keys lie under each of these prefixes. */
async function countKeys(lab: Lab): Promise<Record<string, number>> {
  const keys = await lab.etcdKeys();
  const kinds = ['networks', 'names', 'vnis', 'bindings', 'pools', 'pool-references'];
  return Object.fromEntries(
    kinds.map((kind) => [kind, keys.filter((key) => key.startsWith(`/xnet/${kind}/`)).length]),
  );
}

/** The same networks everywhere, and in the store what belongs to them. */
async function expectQuiet(lab: Lab): Promise<void> {
  const lists = await Promise.all(lab.hosts.map((host) => listNetworks(lab, host)));
  const [first = []] = lists;
  expect(lists.map((list, index) => [lab.hosts[index], list])).toEqual(
    lab.hosts.map((host) => [host, first]),
  );
  const count = first.length;
  const tied = count * lab.hosts.length;
  expect(await countKeys(lab)).toEqual({
    networks: count,
    names: count,
    vnis: count,
    bindings: tied,
    pools: count,
    'pool-references': tied,
  });
}

async function stress(lab: Lab, seed: number): Promise<void> {
  const random = randomFrom(seed);
  const operations = planOperations(random, lab.hosts);
  const restarts = planRestarts(random, lab.hosts);
  const onHost = (host: string) => operations.filter((operation) => operation.host === host);
  await Promise.all([disturb(lab, restarts), ...lab.hosts.map((host) => perform(lab, onHost(host)))]);
  await eventually(() => expectQuiet(lab), QUIET_MS, 500);
  for (const host of lab.hosts) await expectNoProblem(lab, host);
}

describeInLab('mirror, stress', { hosts: 3 }, (test) => {
  test(
    'created, removed and created again at random while dockerd, xnet and etcd are restarted, networks are the same everywhere',
    async (lab) => {
      const seed = Number(process.env.STRESS_SEED ?? Math.floor(Math.random() * 2 ** 31));
      await stress(lab, seed).catch((error: unknown) => {
        throw new Error(`with STRESS_SEED=${seed}`, { cause: error });
      });
    },
    { timeoutMs: 420_000, logsErrors: true },
  );
});
