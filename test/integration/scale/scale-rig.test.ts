/** The scale rig with a small cluster: a real daemon among twenty hosts. Function alone; bench/scale measures. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { run } from '../../support/programs/command.js';

const RIG_MS = 240_000;

test(
  'a host among twenty is ready, follows all changes, and never takes etcd for away',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'xnet-scale-'));
    try {
      const json = join(directory, 'report.json');
      await run(['bench/scale', '--quick', '--big', '300', '--json', json], { timeoutMs: RIG_MS });
      const { runs } = JSON.parse(await readFile(json, 'utf8'));
      const figures = { absences: 0, wrong: 0, bigWrong: 0, readyWarmMs: expect.any(Number) };
      expect(runs).toEqual([{ contestant: 'this tree', figures: expect.objectContaining(figures) }]);
    } finally {
      await rm(directory, { recursive: true });
    }
  },
  RIG_MS,
);
