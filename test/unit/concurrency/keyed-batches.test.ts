import { describe, expect, test } from '@jest/globals';
import { KeyedBatches } from '../../../src/concurrency/keyed-batches.js';
import { KeyedMutex } from '../../../src/concurrency/keyed-mutex.js';

/** Batches that record what was done together; an item "bad" fails whatever it is in. */
function recorded() {
  const mutex = new KeyedMutex();
  const done: string[] = [];
  const batches = new KeyedBatches<string>(mutex, async (key, items) => {
    const together = [...items];
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (together.includes('bad')) throw new Error(`bad among ${together.length}`);
    done.push(`${key}: ${together.join(' ')}`);
  });
  return { mutex, batches, done };
}

describe('KeyedBatches', () => {
  test('does together what is asked for while the key is busy', async () => {
    const { mutex, batches, done } = recorded();
    const busy = mutex.run('a', () => new Promise((resolve) => setTimeout(resolve, 5)));
    await Promise.all(['1', '2', '3'].map((item) => batches.add('a', item)));
    await busy;
    await batches.add('a', '4');
    expect(done).toEqual(['a: 1 2 3', 'a: 4']);
  });

  test('takes no item into a batch that runs already', async () => {
    const { batches, done } = recorded();
    const first = batches.add('a', '1');
    await new Promise((resolve) => setTimeout(resolve, 1));
    await Promise.all([first, batches.add('a', '2'), batches.add('b', '3')]);
    expect(done.toSorted()).toEqual(['a: 1', 'a: 2', 'b: 3']);
  });

  test('shows the failure of one item to its caller alone', async () => {
    const { batches, done } = recorded();
    const outcomes = await Promise.allSettled(['1', 'bad', '2'].map((item) => batches.add('a', item)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: { message: 'bad among 1' } });
    expect(done.toSorted()).toEqual(['a: 1', 'a: 2']);
  });
});
