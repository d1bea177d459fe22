import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Path, type Verdict } from '../../../src/agent/paths/path.js';
import { SizeSearch } from '../../../src/agent/paths/size-search.js';
import { randomFrom } from '../../support/random.js';

const NEEDED = 1450;
const ROUND_TRIP_MS = 1;

/** A link on which packets up to `most` bytes pass; a path over it; and a clock. */
class Simulation {
  nowMs = 0;
  most = NEEDED;
  /** Chance that a packet gets no answer. */
  loss = 0;
  sent = 0;
  readonly path: Path;
  #inFlight: { readonly bytes: number; readonly sentMs: number }[] = [];

  constructor(
    private readonly chance: () => number = Math.random,
    slowness = 1,
  ) {
    this.path = new Path(NEEDED, 0, slowness);
  }

  /** Until the verdict is that one, or so much time has passed; returns how much it was. */
  runUntil(verdict: Verdict | undefined, mostMs: number): number {
    const from = this.nowMs;
    while (this.path.verdict !== verdict && this.nowMs - from < mostMs) this.#step();
    return this.nowMs - from;
  }

  run(forMs: number): void {
    for (const until = this.nowMs + forMs; this.nowMs < until; ) this.#step();
  }

  /** Time in which this process does not run, and what is sent is not answered. */
  standStill(forMs: number): void {
    this.#inFlight = [];
    this.nowMs += forMs;
  }

  #step(): void {
    this.nowMs =
      this.#inFlight.length > 0 ? this.nowMs + ROUND_TRIP_MS : Math.max(this.nowMs, this.path.dueMs);
    for (const { bytes, sentMs } of this.#inFlight.splice(0)) this.path.noteAnswer(bytes, sentMs, this.nowMs);
    if (this.path.dueMs > this.nowMs) return;
    for (const bytes of this.path.next(this.nowMs)) {
      this.sent += 1;
      if (bytes <= this.most && this.chance() >= this.loss)
        this.#inFlight.push({ bytes, sentMs: this.nowMs });
    }
  }
}

describe('a path', () => {
  test('passes at the first answer, and then costs a few packets a minute', () => {
    const link = new Simulation();
    expect(link.runUntil('passes', 60_000)).toBeLessThan(10);
    expect(link.path).toMatchObject({ largest: NEEDED, roundTripMs: ROUND_TRIP_MS });
    const before = link.sent;
    link.run(600_000);
    expect((link.sent - before) / 10).toBeLessThan(8);
  });

  test('is lost within 30 s after nothing passes, not before a dead host is silent, and back within 5 s', () => {
    for (let round = 0; round < 50; round += 1) {
      const link = new Simulation();
      link.run(20_000 + Math.random() * 10_000);
      link.most = 0;
      const lostMs = link.runUntil('lost', 60_000);
      expect(lostMs).toBeGreaterThan(14_000);
      expect(lostMs).toBeLessThan(29_000);
      expect(link.path.largest).toBeUndefined();
      link.run(Math.random() * 20_000);
      link.most = NEEDED;
      expect(link.runUntil('passes', 60_000)).toBeLessThan(5_000);
    }
  });

  test('that never passed is lost later: the other host may not be ready', () => {
    const link = new Simulation();
    link.most = 0;
    expect(link.runUntil('lost', 60_000)).toBeGreaterThan(25_000);
  });

  test('is narrow within 30 s after large packets do not pass any more, with the exact size; and back within 15 s', () => {
    fc.assert(
      fc.property(fc.integer({ min: 64, max: NEEDED - 1 }), (most) => {
        const link = new Simulation();
        link.run(20_000);
        link.most = most;
        expect(link.runUntil('narrow', 60_000)).toBeLessThan(30_000);
        expect(link.path.largest).toBe(most);
        link.run(60_000);
        expect(link.path.verdict).toBe('narrow');
        link.most = NEEDED;
        expect(link.runUntil('passes', 60_000)).toBeLessThan(15_000);
      }),
    );
  });

  test('that is narrow becomes narrower, wider and lost', () => {
    const link = new Simulation();
    link.most = 1400;
    link.runUntil('narrow', 60_000);
    link.most = 1300;
    link.run(30_000);
    expect(link.path).toMatchObject({ verdict: 'narrow', largest: 1300 });
    link.most = 1350;
    link.run(150_000);
    expect(link.path).toMatchObject({ verdict: 'narrow', largest: 1350 });
    link.most = 0;
    expect(link.runUntil('lost', 60_000)).toBeLessThan(29_000);
    link.most = 1350;
    expect(link.runUntil('narrow', 60_000)).toBeLessThan(15_000);
  });

  test('is not lost with half of the packets, nor after a stand-still', () => {
    const link = new Simulation(randomFrom(7));
    link.run(20_000);
    link.loss = 0.5;
    for (let minute = 0; minute < 60; minute += 1) {
      link.run(60_000);
      expect(link.path.verdict).not.toBe('lost');
    }
    link.loss = 0;
    link.run(300_000);
    for (const standStillMs of [1_000, 20_000, 3_600_000]) {
      link.standStill(standStillMs);
      link.run(100);
      expect(link.path.verdict).toBe('passes');
      link.run(30_000);
      expect(link.path.verdict).toBe('passes');
    }
  });

  test('is measured anew when containers send larger packets, and at once when smaller ones are enough', () => {
    const link = new Simulation();
    link.most = 1400;
    link.runUntil('narrow', 60_000);
    link.path.need(1400, link.nowMs);
    expect(link.runUntil('passes', 60_000)).toBeLessThan(1_000);
    link.path.need(1401, link.nowMs);
    expect(link.path.verdict).toBe('passes');
    expect(link.runUntil('narrow', 60_000)).toBeLessThan(15_000);
  });

  test('is asked less often by the factor that is given', () => {
    const [fast, slow] = [new Simulation(Math.random, 1), new Simulation(Math.random, 5)];
    for (const link of [fast, slow]) link.run(3_600_000);
    expect(fast.sent / slow.sent).toBeGreaterThan(4);
  });

  test('whatever passes, the verdict is right a minute later', () => {
    const links = fc.array(fc.integer({ min: 0, max: 2 * NEEDED }), { maxLength: 6 });
    fc.assert(
      fc.property(links, (mosts) => {
        const link = new Simulation();
        for (const most of mosts) {
          link.most = most;
          link.run(60_000);
          const verdict = most >= NEEDED ? 'passes' : most >= 64 ? 'narrow' : 'lost';
          expect(link.path.verdict).toBe(verdict);
        }
      }),
    );
  });
});

test('the largest packet that passes is found in a few rounds of a few packets', () => {
  const bounds = fc
    .tuple(
      fc.integer({ min: 1, max: 65_000 }),
      fc.integer({ min: 1, max: 65_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    )
    .map(([a, b, share]) => {
      const [passes, fails] = [Math.min(a, b), Math.max(a, b) + 1];
      return { passes, fails, most: passes + Math.floor(share * (fails - 1 - passes)) };
    });
  fc.assert(
    fc.property(bounds, ({ passes, fails, most }) => {
      const search = new SizeSearch(passes, fails);
      let rounds = 0;
      for (; search.sizes.length > 0; rounds += 1) {
        expect(search.sizes.length).toBeLessThanOrEqual(8);
        search.note(new Set(search.sizes.filter((size) => size <= most)));
      }
      expect(search.largest).toBe(most);
      expect(rounds).toBeLessThanOrEqual(6);
    }),
  );
});
