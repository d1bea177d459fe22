/** When the mirror looks again at what was missing, or was just removed. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { type MirrorParts, MirrorViews } from '../../../src/agent/mirror/mirror-view.js';
import { untilTick } from '../../../src/concurrency/deadline.js';
import { OwnActions } from '../../../src/driver/networks/own-actions.js';

const TIMING = { sweepMs: 30_000, goneMs: 5_000, unseenMs: 60_000, successorMs: 3_000, removalMs: 10_000 };
const SEEN = { name: 'shop', database: 'd' };
const BINDING = { version: 1 as const, networkId: 'n', hostId: 'h', dockerNetworkId: 'gone', seen: SEEN };

/** Looks as a sweep does, until `isDone`; resolves to how long that took. Begins between two ticks. */
async function lookUntil(ownActions: OwnActions, isDone: (view: View) => boolean): Promise<number> {
  const views = new MirrorViews(
    {
      clusterNetworks: { records: [] },
      bindings: { records: [BINDING], isCurrent: true, all: () => [] },
      registration: { dockerFacts: {} },
      ownActions,
    } as unknown as MirrorParts,
    TIMING,
  );
  const begunAt = performance.now();
  while (!isDone(await views.take([])))
    await jest.advanceTimersByTimeAsync(Math.max(10, untilTick(views.pauseMs)));
  return performance.now() - begunAt;
}

type View = Awaited<ReturnType<MirrorViews['take']>>;

beforeEach(async () => {
  jest.useFakeTimers();
  await jest.advanceTimersByTimeAsync(370);
});
afterEach(() => void jest.useRealTimers());

test('a Docker network that is missing counts as removed after five seconds', async () => {
  expect(await lookUntil(new OwnActions(), ({ gone }) => gone.has('gone'))).toBeCloseTo(5_000, -2);
});

test('the name of a network that was just removed is left to its user for three seconds', async () => {
  const ownActions = new OwnActions();
  ownActions.noteMarked('n');
  expect(await lookUntil(ownActions, ({ awaited }) => !awaited.has('n'))).toBeCloseTo(3_000, -2);
});
