/** Three short seeds; `test/chaos/run` has more, and longer ones. A seed of your own: CHAOS_SEED=17. */
import { describe, expect, test } from '@jest/globals';
import { execa } from 'execa';
import { runSeed } from './seed.js';

/** Half a minute each, with the lab. */
const STEPS = 12;

const SEEDS = process.env.CHAOS_SEED ? [Number(process.env.CHAOS_SEED)] : [1, 2, 3];

describe('chaos', () => {
  test.each(SEEDS)(
    'seed %i: everything works in every quiet, and nothing is left at the end',
    (seed) => runSeed({ seed, steps: STEPS, without: [], say: () => undefined }),
    300_000,
  );

  test('test/chaos/run compiles, and lists the operations', async () => {
    const { stderr } = await execa('test/chaos/run', ['--without', '?'], { reject: false });
    expect(stderr).toContain(
      'there is no operation "?"; there are: containers (run rm stop start connect disconnect)',
    );
  }, 300_000);
});
