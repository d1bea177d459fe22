import { expect, test } from '@jest/globals';
import { KnownLabels } from '../../../src/agent/labels/known-labels.js';
import { LabelsAhead } from '../../../src/agent/labels/labels-ahead.js';
import type { Engine } from '../../../src/docker/engine.js';
import type { EndpointRecord } from '../../../src/model/endpoint.js';
import type { Write } from '../../../src/store/store.js';
import { silentLogger } from '../../support/loggers.js';
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

/** `found`: what Docker answers, the first time and later. */
function open(isRuled: boolean, ...found: Awaited<ReturnType<Engine['findContainerOf']>>[]) {
  const labels = new KnownLabels();
  const committed: (readonly Write[])[] = [];
  const stored = { ...ENDPOINT };
  const commit = async (_: unknown, writes: readonly Write[]) => {
    committed.push(writes);
    Object.assign(stored, { labels: CONTAINER.labels });
    return { committed: true as const, revision: 1 };
  };
  let asked = 0;
  const ahead = new LabelsAhead({
    store: { commit },
    local: { findEndpoint: () => ENDPOINT as never },
    follower: { findEndpoint: () => stored },
    labels,
    isRuled: () => isRuled,
    logger: silentLogger,
  });
  ahead.connect({ findContainerOf: async () => found[Math.min(asked++, found.length - 1)] });
  return { ahead, labels, committed, asked: () => asked };
}

test('labels are published once, after the call that asked for it has gone on', async () => {
  const { ahead, labels, committed, asked } = open(true, CONTAINER);
  ahead.publishSoon(ENDPOINT.id);
  ahead.publishSoon(ENDPOINT.id);
  expect(asked()).toBe(0);
  await eventually(() => committed.length === 1);
  expect(labels.labelsOf(ENDPOINT.id)).toEqual({ app: 'web' });
  ahead.publishSoon(ENDPOINT.id);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect({ asked: asked(), commits: committed.length }).toEqual({ asked: 1, commits: 1 });
});

test('Docker is asked again when it did not know the endpoint yet', async () => {
  const { ahead, committed, asked } = open(true, undefined, CONTAINER);
  ahead.publishSoon(ENDPOINT.id);
  await eventually(() => asked() === 1);
  expect(committed).toEqual([]);
  ahead.publishSoon(ENDPOINT.id);
  await eventually(() => committed.length === 1);
});

test('in a network without policies Docker is asked nothing', async () => {
  const { ahead, asked } = open(false, CONTAINER);
  ahead.publishSoon(ENDPOINT.id);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(asked()).toBe(0);
});
