import { describe, expect, test } from '@jest/globals';
import { DeniedFrames } from '../../../src/agent/policies/denied-frames.js';
import { DeniedPairs } from '../../../src/agent/policies/denied-pairs.js';
import type { CountsOfNetwork, NetworkRules, SeenFrames } from '../../../src/dataplane/policy/policies.js';
import type { HostEvent } from '../../../src/observability/event-log.js';
import { silentLogger } from '../../support/loggers.js';
import { eventually } from '../../support/time/eventually.js';

const [WEB, DB] = ['02:00:00:00:00:01', '02:00:00:00:00:02'];
const RULES: NetworkRules = {
  policies: [{ name: 'closed', isAudit: false, allow: [] }],
  endpoints: new Map([
    [WEB, { selectedBy: [] }],
    [DB, { selectedBy: ['closed'] }],
  ]),
};
const HOUR_MS = 60 * 60_000;

function seen(packets: number, port = 7): SeenFrames {
  return { fromMac: WEB, toMac: DB, protocol: 'tcp', port, packets };
}

/** One network, whose kernel has `frames`. */
class Watched implements AsyncDisposable {
  readonly inForce = new Map<string, NetworkRules | undefined>();
  readonly events: Omit<HostEvent, 'at'>[] = [];
  frames: readonly SeenFrames[] = [];
  unnoted = 0;
  now = 0;
  looks = 0;
  readonly denied = new DeniedFrames({
    device: {
      count: () => this.#count(),
      listDenied: async () => this.frames,
    },
    inForce: () => {
      this.looks += 1;
      return this.inForce;
    },
    endpointsOf: () => [],
    networkName: () => 'shop',
    events: { note: (event) => this.events.push(event) },
    logger: silentLogger,
    now: () => this.now,
  });

  #count(): CountsOfNetwork {
    const denied = this.frames.reduce((sum, { packets }) => sum + packets, 0);
    const counts = { isolated: 0, unknown: 0, unnoted: this.unnoted };
    return { ...counts, policies: new Map([['closed', { hits: [], denied }]]) };
  }

  get said(): string[] {
    return this.events.map(({ what }) => what);
  }

  /** One look from begin to end. */
  async look(): Promise<void> {
    const before = this.looks;
    this.denied.hint();
    await eventually(() => this.looks > before);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.denied[Symbol.asyncDispose]();
  }
}

const FIRST = `policy closed: ${WEB} -> ${DB}:7/tcp dropped 3 times`;

describe('what is dropped in a network', () => {
  test('that had no rules before is an event, if it was dropped before the first look', async () => {
    await using watched = new Watched();
    watched.denied.start();
    await watched.look();
    watched.inForce.set('n', RULES);
    watched.frames = [seen(3)];
    await watched.look();
    expect(watched.said).toEqual([FIRST]);
  });

  test('is none, if an earlier daemon has seen it', async () => {
    await using watched = new Watched();
    watched.inForce.set('n', RULES);
    watched.frames = [seen(5)];
    watched.denied.start();
    await watched.look();
    expect(watched.said).toEqual([]);
    watched.frames = [seen(8)];
    await watched.look();
    expect(watched.said).toEqual([FIRST]);
  });

  test('of one pair without end is an event at the beginning, and one an hour', async () => {
    await using watched = new Watched();
    watched.denied.start();
    await watched.look();
    watched.inForce.set('n', RULES);
    for (const packets of [3, 10, 20]) {
      watched.frames = [seen(packets)];
      await watched.look();
    }
    expect(watched.said).toEqual([FIRST]);
    watched.now += HOUR_MS;
    await watched.look();
    expect(watched.said).toEqual([FIRST, FIRST.replace('3 times', '17 times')]);
    watched.now += HOUR_MS;
    await watched.look();
    expect(watched.said).toHaveLength(2);
  });

  test('because its answer was not awaited is a problem for a while', async () => {
    await using watched = new Watched();
    watched.inForce.set('n', RULES);
    watched.unnoted = 5;
    watched.denied.start();
    await watched.look();
    expect(watched.denied.problems).toEqual([]);
    watched.unnoted = 8;
    await watched.look();
    expect(watched.denied.problems).toEqual([
      expect.stringMatching(/^network shop: 8 packets of UDP or SCTP/),
    ]);
    watched.now += HOUR_MS;
    expect(watched.denied.problems).toEqual([]);
  });
});

test('of many pairs a hundred are named, and the others are a number once an hour', () => {
  const pairs = new DeniedPairs();
  const listed = (packets: number) => Array.from({ length: 500 }, (_, i) => seen(packets, i + 1));
  pairs.learn(listed(1), true);
  expect(pairs.takeDue(0)).toMatchObject({ due: { length: 100 }, more: 400 });
  pairs.learn(listed(2), true);
  expect(pairs.takeDue(1_000)).toEqual({ due: [], more: 0 });
  expect(pairs.takeDue(HOUR_MS)).toMatchObject({ due: { length: 100 }, more: 400 });
});

test('a pair that the kernel has forgotten begins anew', () => {
  const pairs = new DeniedPairs();
  pairs.learn([seen(5)], true);
  pairs.takeDue(0);
  pairs.learn([], true);
  pairs.learn([seen(6)], true);
  expect(pairs.takeDue(HOUR_MS).due).toEqual([seen(6)]);
});
