import { describe, expect, test } from '@jest/globals';
import { foreignPairs, type Model, reachingPairs } from '../../chaos/model.js';
import { collide } from '../../chaos/operation.js';
import { kindsWithout } from '../../chaos/operations/all.js';
import { planRounds, type Round } from '../../chaos/plan.js';

const HOSTS = ['h1', 'h2', 'h3'];
const MEMBERS = ['etcd1', 'etcd2', 'etcd3'];
const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);

function plan(seed: number, steps = 24, without: string[] = []): Round[] {
  return planRounds({ seed, steps, hosts: HOSTS, members: MEMBERS, kinds: kindsWithout(without) });
}

function stepsOf(rounds: readonly Round[]): string[][] {
  return rounds
    .flatMap(({ steps }) => steps)
    .map(({ operations }) => operations.map(({ operation }) => operation.text));
}

function kindsOf(rounds: readonly Round[]): string[] {
  return rounds.flatMap(({ steps }) =>
    steps.flatMap(({ operations }) => operations.map(({ operation }) => operation.kind)),
  );
}

describe('the plan of a chaos seed', () => {
  test('is the same for the same seed, and another for another', () => {
    expect(stepsOf(plan(7))).toEqual(stepsOf(plan(7)));
    expect(stepsOf(plan(8))).not.toEqual(stepsOf(plan(7)));
  });

  test('cut short, begins as the whole one', () => {
    for (const steps of [1, 5, 7, 13])
      expect(stepsOf(plan(7, steps))).toEqual(stepsOf(plan(7)).slice(0, steps));
  });

  test('has every kind of operation somewhere, and none that is left out', () => {
    const drawn = new Set(SEEDS.flatMap((seed) => kindsOf(plan(seed))));
    expect([...drawn].sort()).toEqual(
      kindsWithout([])
        .map(({ name }) => name)
        .sort(),
    );
    const narrowed = new Set(SEEDS.flatMap((seed) => kindsOf(plan(seed, 24, ['drift', 'clock', 'reboot']))));
    for (const kind of ['reboot', 'clock', 'fdb-flush']) expect(narrowed).not.toContain(kind);
  });

  test('names what there is when something else shall be left out', () => {
    expect(() => kindsWithout(['dirft'])).toThrow(/no operation "dirft".*drift \(fdb-flush/);
  });

  test('has no two operations in a step that disturb each other', () => {
    for (const step of SEEDS.flatMap((seed) => plan(seed)).flatMap(({ steps }) => steps)) {
      const operations = step.operations.map(({ operation }) => operation);
      for (const [index, one] of operations.entries())
        for (const other of operations.slice(index + 1)) expect(collide(one, other)).toBe(false);
    }
  });

  test('ends each round without faults, doubts and unused containers of lost networks', () => {
    for (const { quiet } of SEEDS.flatMap((seed) => plan(seed))) {
      expect(quiet.faults).toEqual([]);
      const networks = quiet.networks.map(({ name }) => name);
      for (const container of quiet.containers) {
        expect(container.doubtful).toBe(false);
        expect(networks).toEqual(expect.arrayContaining(container.networks));
      }
    }
  });

  test('mostly lets several containers run', () => {
    const running = SEEDS.flatMap((seed) => plan(seed)).map(({ quiet }) => reachingPairs(quiet).length);
    expect(running.filter((pairs) => pairs >= 6).length).toBeGreaterThan(running.length / 2);
  });
});

describe('the model', () => {
  const container = (name: string, host: string, networks: string[]) => ({
    ...{ name, host, networks, comesBack: false, running: true, doubtful: false, settled: true },
  });
  const model: Model = {
    hosts: HOSTS,
    members: MEMBERS,
    networks: [],
    faults: [{ kind: 'parted', subject: 'h2' }],
    containers: [
      container('a', 'h1', ['n1']),
      container('b', 'h2', ['n1', 'n2']),
      container('c', 'h2', ['n2']),
    ],
    hasBackup: false,
    named: 0,
  };
  const names = (pairs: readonly (readonly { readonly name: string }[])[]) =>
    pairs.map((pair) => pair.map(({ name }) => name).join());

  test('pairs who must reach each other, and who must not', () => {
    expect(names(reachingPairs(model))).toEqual(['a,b', 'b,a', 'b,c', 'c,b']);
    expect(names(foreignPairs(model))).toEqual(['a,c', 'c,a']);
  });

  test('expects of a parted host only that its own containers reach each other', () => {
    expect(names(reachingPairs(model, true))).toEqual(['b,c', 'c,b']);
  });
});
