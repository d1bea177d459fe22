import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { knownReader } from '../../../src/host/answers/known-reader.js';
import { ownershipOf } from '../../../src/store/known/own-keys.js';
import { FailStaticStore } from '../../../src/store/outage/fail-static-store.js';
import { muteLogger } from '../../support/loggers.js';
import { FailingStore } from '../../support/store/failing-store.js';
import { MemoryStore } from '../../support/store/memory-store.js';

test('also the list that finds out that the store is away is what is known', async () => {
  const stateDirectory = await mkdtemp(join(tmpdir(), 'xnet-known-reader-'));
  await using _directory = { [Symbol.asyncDispose]: () => rm(stateDirectory, { recursive: true }) };
  const failing = new FailingStore(new MemoryStore());
  const options = { stateDirectory, ownership: ownershipOf('h1'), logger: muteLogger };
  await using store = await FailStaticStore.open(failing, options);
  const reader = knownReader(store);
  expect(await reader.list('endpoints/', { once: true })).not.toHaveProperty('recalled');
  failing.mode = 'refuses';
  expect(store.problem).toBeUndefined();
  expect(await reader.list('endpoints/', { once: true })).toMatchObject({ recalled: true });
  expect(store.problem).toBeDefined();
});
