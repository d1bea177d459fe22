import { expect, test } from '@jest/globals';
import { KnownLabels } from '../../../src/agent/labels/known-labels.js';
import { LabelsAhead } from '../../../src/agent/labels/labels-ahead.js';
import type { Engine } from '../../../src/docker/engine.js';
import { putEndpoint } from '../../../src/model/by-host.js';
import { type EndpointRecord, endpointRecord } from '../../../src/model/endpoint.js';
import { keys } from '../../../src/model/keys.js';
import { parseRecord } from '../../../src/model/record.js';
import type { Entry, Store } from '../../../src/store/store.js';
import { silentLogger } from '../../support/loggers.js';
import { MemoryStore } from '../../support/store/memory-store.js';
import { eventually } from '../../support/time/eventually.js';

const ENDPOINT = {
  ...{
    version: 1,
    id: 'e'.repeat(64),
    networkId: '0123456789ab',
    dockerNetworkId: 'd'.repeat(64),
    hostId: 'h1',
  },
  ...{ addresses: ['10.1.0.2'], mac: '02:00:00:00:00:02' },
} as EndpointRecord;
const CONTAINER = { id: 'c1', name: 'web', labels: { app: 'web' }, endpoints: [] };

const KEY = keys.endpoint(ENDPOINT.networkId, ENDPOINT.id);
const NAMES = { container: 'web', containerId: 'c1', network: 'shop', names: ['web'], ports: [] };

/** `found`: what Docker answers, the first time and later. */
async function open(isRuled: boolean, ...found: Awaited<ReturnType<Engine['findContainerOf']>>[]) {
  const labels = new KnownLabels();
  const store = new MemoryStore();
  await store.commit([], putEndpoint(ENDPOINT));
  const read = async () => parseRecord(endpointRecord, (await store.get(KEY)) as Entry);
  let [asked, committed] = [0, 0];
  /** It does not know what others write. */
  const view: { endpoint: EndpointRecord } = { endpoint: ENDPOINT };
  const commit: Store['commit'] = async (conditions, writes) => {
    committed += 1;
    const outcome = await store.commit(conditions, writes);
    view.endpoint = await read();
    return outcome;
  };
  const ahead = new LabelsAhead({
    store: { get: (key) => store.get(key), commit },
    local: { findEndpoint: () => ENDPOINT as never },
    follower: { findEndpoint: () => view.endpoint },
    labels,
    isRuled: () => isRuled,
    logger: silentLogger,
  });
  ahead.connect({ findContainerOf: async () => found[Math.min(asked++, found.length - 1)] });
  return { ahead, labels, store, read, asked: () => asked, commits: () => committed };
}

test('labels are published once, after the call that asked for it has gone on', async () => {
  const { ahead, labels, read, asked, commits } = await open(true, CONTAINER);
  ahead.publishSoon(ENDPOINT.id);
  ahead.publishSoon(ENDPOINT.id);
  expect(asked()).toBe(0);
  await eventually(async () => expect((await read()).labels).toEqual({ app: 'web' }));
  expect(labels.labelsOf(ENDPOINT.id)).toEqual({ app: 'web' });
  ahead.publishSoon(ENDPOINT.id);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect({ asked: asked(), commits: commits() }).toEqual({ asked: 1, commits: 1 });
});

test('names that were published just before stay', async () => {
  const { ahead, store, read } = await open(true, CONTAINER);
  await store.commit([], putEndpoint({ ...ENDPOINT, names: NAMES }));
  ahead.publishSoon(ENDPOINT.id);
  await eventually(async () => expect((await read()).labels).toEqual({ app: 'web' }));
  expect((await read()).names).toEqual(NAMES);
});

test('Docker is asked again when it did not know the endpoint yet', async () => {
  const { ahead, asked, commits } = await open(true, undefined, CONTAINER);
  ahead.publishSoon(ENDPOINT.id);
  await eventually(() => asked() === 1);
  expect(commits()).toBe(0);
  ahead.publishSoon(ENDPOINT.id);
  await eventually(() => commits() === 1);
});

test('in a network without policies Docker is asked nothing', async () => {
  const { ahead, asked } = await open(false, CONTAINER);
  ahead.publishSoon(ENDPOINT.id);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(asked()).toBe(0);
});
