/** The stores agree: the same commits have the same outcomes in all of them. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Condition, Store, Write } from '../../../src/store/store.js';
import { etcd, failStatic, lmdb, memory, type OpenStore } from './store-under-test.js';

const underTest = [memory, lmdb, etcd(), failStatic()];

beforeAll(async () => {
  await Promise.all(underTest.map((implementation) => implementation.start()));
});
afterAll(async () => {
  await Promise.all(underTest.map((implementation) => implementation.stop()));
});

const key = fc.constantFrom('a', 'a/', 'a/b', 'a/b/c', 'a0', 'b', 'b/x');
const condition = fc.oneof(
  fc.record({ key, is: fc.constantFrom('absent', 'present') }),
  // The revision as a distance from the one before the first commit, which differs between stores.
  fc.record({ key, is: fc.constant('at'), after: fc.nat(12) }),
);
const write = fc.oneof(
  { weight: 3, arbitrary: fc.record({ put: key, value: fc.string({ unit: 'binary', maxLength: 5 }) }) },
  fc.record({ remove: key }),
  fc.record({ removePrefix: fc.constantFrom('', 'a', 'a/', 'b') }),
);
const commit = fc.record({
  conditions: fc.array(condition, { maxLength: 2 }),
  writes: fc.array(write, { maxLength: 3 }),
});
type Commit = typeof commit extends fc.Arbitrary<infer T> ? T : never;

test('any sequence of commits has the same outcomes and leaves the same entries in every store', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(commit, { minLength: 1, maxLength: 12 }), async (commits) => {
      const [first, ...others] = await Promise.all(
        underTest.map((implementation) => history(implementation, commits)),
      );
      for (const other of others) expect(other).toEqual(first);
    }),
    { numRuns: 60, interruptAfterTimeLimit: 15_000, markInterruptAsFailure: false },
  );
});

/** What a store answers to each commit and holds after it; revisions as distances from the start. */
async function history(
  implementation: { open(): Promise<OpenStore> },
  commits: Commit[],
): Promise<unknown[]> {
  await using opened = await implementation.open();
  const { store } = opened;
  const base = (await store.list('')).revision;
  const told: unknown[] = [];
  for (const { conditions, writes } of commits) {
    told.push(
      await outcome(
        store,
        base,
        conditions.map((c) => rebased(c, base)),
        writes,
      ),
    );
    told.push(relative(await store.list(''), base), relative(await store.list('a/'), base));
  }
  return told;
}

function rebased({ key, ...rest }: Commit['conditions'][number], base: number): Condition {
  return 'after' in rest ? { key, is: 'at', revision: base + rest.after } : { key, is: rest.is as 'absent' };
}

async function outcome(
  store: Store,
  base: number,
  conditions: Condition[],
  writes: Write[],
): Promise<unknown> {
  try {
    return relative(await store.commit(conditions, writes), base);
  } catch (error: unknown) {
    return (error as { code: string }).code;
  }
}

function relative(value: unknown, base: number): unknown {
  return JSON.parse(JSON.stringify(value), (name, field) =>
    name === 'revision' || name === 'createRevision' ? field - base : field,
  );
}
