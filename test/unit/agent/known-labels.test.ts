import { describe, expect, test } from '@jest/globals';
import { KnownLabels } from '../../../src/agent/labels/known-labels.js';
import { hasLabels, MOST_BYTES, publishedLabels } from '../../../src/model/policy/labels.js';

const container = (...endpointIds: string[]) => ({
  id: 'c1',
  labels: { app: 'db' },
  endpoints: endpointIds.map((endpointId) => ({ endpointId })),
});

describe("the labels of this host's containers", () => {
  test('are known by endpoint, from the first look at a container until it ends', () => {
    const known = new KnownLabels();
    const reported: string[][] = [];
    known.onChange((ids) => reported.push([...ids]));
    expect(known.labelsOf('e1')).toBeUndefined();
    known.learn(container('e1'));
    known.learn(container('e1'));
    expect(known.labelsOf('e1')).toEqual({ app: 'db' });
    known.learn(container('e2', ''));
    expect(known.labelsOf('e1')).toBeUndefined();
    known.forget('c1');
    expect(known.labelsOf('e2')).toBeUndefined();
    expect(reported).toEqual([['e1'], ['e1', 'e2'], ['e2']]);
  });

  test('are published but for long ones and those of tools, and not at all when they are too many', () => {
    expect(publishedLabels({ app: 'db', long: 'x'.repeat(257), ['k'.repeat(129)]: '' })).toEqual({
      app: 'db',
    });
    const ofCompose = { 'com.docker.compose.service': 'web', 'com.docker.compose.config-hash': 'e3b0' };
    expect(publishedLabels(ofCompose)).toEqual({ 'com.docker.compose.service': 'web' });
    const many = Array.from({ length: MOST_BYTES / 64 + 1 }, (_, i) => [`label-${i}`, 'v'.repeat(64)]);
    expect(publishedLabels(Object.fromEntries(many))).toBeUndefined();
  });

  test('match when each that is wanted is there with its value', () => {
    expect(hasLabels({ app: 'db', tier: '1' }, { app: 'db' })).toBe(true);
    expect(hasLabels({ app: 'db' }, { app: 'db', tier: '1' })).toBe(false);
    expect(hasLabels({}, { constructor: 'x' })).toBe(false);
  });
});
