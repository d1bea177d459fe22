/** What is kept in the state directory is of one store, which a later start must recognize. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openStore } from '../../../src/store/open-store.js';

let stateDirectory: string;

beforeAll(async () => {
  stateDirectory = await mkdtemp(join(tmpdir(), 'xnet-identity-'));
});
afterAll(() => rm(stateDirectory, { recursive: true }));

/** Nothing listens there, and nothing is asked. */
async function describe(url: string): Promise<string> {
  await using store = await openStore({ url, stateDirectory });
  return store.description;
}

test('etcd with several members is the same store at each start, whichever is asked first', async () => {
  const described = new Set<string>();
  for (let start = 0; start < 20; start += 1)
    described.add(await describe('etcd://192.0.2.3,192.0.2.1,192.0.2.2:2379'));
  described.add(await describe('etcd://192.0.2.1,192.0.2.2,192.0.2.3'));
  expect([...described]).toEqual([
    'etcd http://192.0.2.1:2379,http://192.0.2.2:2379,http://192.0.2.3:2379 under /xnet/',
  ]);
});
