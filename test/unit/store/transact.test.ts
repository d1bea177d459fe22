import { describe, expect, test } from '@jest/globals';
import { XnetError } from '../../../src/errors.js';
import type { CommitResult, Store } from '../../../src/store/store.js';
import { transact } from '../../../src/store/transact.js';
import { MemoryStore } from '../../support/store/memory-store.js';

const unavailable = () => new XnetError('STORE_UNAVAILABLE', 'etcd at http://h1:2379: no answer in time');

/** Commits to `store`, but answers each of the first calls as the list says. */
function unreliable(store: Store, answers: ('lost request' | 'lost reply')[]): Pick<Store, 'commit'> {
  return {
    commit: async (conditions, writes): Promise<CommitResult> => {
      const answer = answers.shift();
      if (answer === 'lost request') throw unavailable();
      const result = await store.commit(conditions, writes);
      if (answer === 'lost reply') throw unavailable();
      return result;
    },
  };
}

/** Claims `key` for `owner` unless it already is. */
function claim(store: Store, key: string, owner: string) {
  return async () => {
    const entry = await store.get(key);
    if (entry?.value === owner) return { result: 'mine' };
    if (entry) return { result: 'taken' };
    return {
      conditions: [{ key, is: 'absent' } as const],
      writes: [{ put: key, value: owner }],
      result: 'mine',
    };
  };
}

describe('transact', () => {
  test('returns the result of an attempt that has nothing to write, without a commit', async () => {
    const never = { commit: () => Promise.reject(new Error('must not commit')) };
    expect(await transact(never, async () => ({ result: 7 }))).toBe(7);
  });

  test('runs the attempt again when another was faster', async () => {
    await using store = new MemoryStore();
    let rounds = 0;
    const result = await transact(store, async () => {
      rounds += 1;
      const entry = await store.get('a');
      if (rounds === 1) await store.commit([], [{ put: 'a', value: 'other' }]);
      const condition = entry
        ? ({ key: 'a', is: 'at', revision: entry.revision } as const)
        : ({ key: 'a', is: 'absent' } as const);
      return { conditions: [condition], writes: [{ put: 'a', value: 'mine' }], result: entry?.value };
    });
    expect(result).toBe('other');
    expect((await store.get('a'))?.value).toBe('mine');
  });

  test.each(['lost request', 'lost reply'] as const)('claims once after a %s', async (fault) => {
    await using store = new MemoryStore();
    expect(await transact(unreliable(store, [fault, fault]), claim(store, 'a', 'me'))).toBe('mine');
    const entry = await store.get('a');
    expect(entry).toMatchObject({ value: 'me', createRevision: entry?.revision });
  });

  test('reports STORE_CONFLICT when it never wins', async () => {
    await using store = new MemoryStore();
    const losing = transact(
      store,
      async () => ({ conditions: [{ key: 'a', is: 'present' }], writes: [], result: 0 }),
      { maxConflicts: 3 },
    );
    await expect(losing).rejects.toMatchObject({ code: 'STORE_CONFLICT', fields: { conflicts: 4 } });
  });

  test('reports an unknown outcome when the store stays away after a commit', async () => {
    await using store = new MemoryStore();
    let reads = 0;
    const failing = transact(
      unreliable(store, ['lost reply']),
      async () => {
        reads += 1;
        if (reads > 1) throw unavailable();
        return { conditions: [], writes: [{ put: 'a', value: '1' }], result: 0 };
      },
      { budgetMs: 300 },
    );
    await expect(failing).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      fields: { outcome: 'unknown' },
      message: expect.stringContaining('may have been applied'),
    });
    expect(reads).toBeGreaterThan(2);
  });

  test('does not wait for a read that hangs after a commit of unknown outcome', async () => {
    await using store = new MemoryStore();
    const hang = new Promise<never>(() => undefined);
    let reads = 0;
    const failing = transact(
      unreliable(store, ['lost reply']),
      async () => {
        reads += 1;
        if (reads > 1) await hang;
        return { conditions: [], writes: [{ put: 'a', value: '1' }], result: 0 };
      },
      { budgetMs: 300 },
    );
    await expect(failing).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      fields: { outcome: 'unknown' },
      message: `${unavailable().message}; a write may have been applied`,
    });
  });

  test('does not repeat an attempt that cannot read while nothing was committed', async () => {
    await using store = new MemoryStore();
    let reads = 0;
    const failing = transact(store, async () => {
      reads += 1;
      throw unavailable();
    });
    await expect(failing).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', fields: {} });
    expect(reads).toBe(1);
  });

  test('passes on what the attempt throws', async () => {
    await using store = new MemoryStore();
    const exhausted = new XnetError('EXHAUSTED', 'no free address is left');
    await expect(transact(store, () => Promise.reject(exhausted))).rejects.toBe(exhausted);
  });
});
