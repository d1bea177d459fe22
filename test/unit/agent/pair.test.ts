import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Pair } from '../../../src/agent/pairs/pair.js';
import type { Probe } from '../../../src/agent/pairs/pair-words.js';

const MAC = '02:00:00:00:00:02';
const MTU = 1500;
const ROUND_TRIP_MS = 1;

/** A segment, and this host's side of a pair on it, by a clock of its own. */
class Segment {
  now = 0;
  readonly pair: Pair;
  /** Whether a probe is answered. */
  passes: (probe: Probe) => boolean = () => true;
  readonly sent: { readonly atMs: number; readonly probe: Probe }[] = [];

  constructor(families: readonly (4 | 6)[] = [4]) {
    this.pair = new Pair({ families, mtu: MTU }, 0);
    this.pair.noteReach({ kind: 'segment', mac: MAC }, 0);
  }

  run(forMs: number, until: () => boolean = () => false): void {
    const endMs = this.now + forMs;
    while (!until() && this.pair.dueMs <= endMs) this.#probe();
    if (!until()) this.now = endMs;
  }

  /** How long it takes until packets go that way. */
  until(way: Pair['way'], mostMs = 400_000): number {
    const startMs = this.now;
    this.run(mostMs, () => this.pair.way === way);
    expect(this.pair.way).toBe(way);
    return this.now - startMs;
  }

  #probe(): void {
    this.now = Math.max(this.now, this.pair.dueMs);
    const probe = this.pair.next(this.now);
    if (!probe) return;
    this.sent.push({ atMs: this.now, probe });
    if (this.passes(probe)) this.pair.noteAnswer(this.now + ROUND_TRIP_MS);
  }
}

describe('a pair of hosts', () => {
  test('goes through the tunnel until probes were answered for three seconds', () => {
    const segment = new Segment();
    expect(segment.pair.way).toBe('tunnel');
    const tookMs = segment.until('direct');
    expect(tookMs).toBeGreaterThanOrEqual(3_000);
    expect(tookMs).toBeLessThan(4_500);
    expect(segment.pair.why).toBe('it answers probes on the segment');
  });

  test('never goes directly where probes are not answered, and is asked every two seconds', () => {
    const segment = new Segment();
    segment.passes = () => false;
    segment.run(600_000);
    expect(segment.pair.way).toBe('tunnel');
    expect(segment.pair.why).toMatch(/^no answer to \d+ probes$/);
    expect(segment.sent.length).toBeLessThanOrEqual(301);
  });

  test.each<[string, (4 | 6)[], (probe: Probe) => boolean, number]>([
    ['nothing passes any more', [4], () => false, 1_010],
    ['nothing passes any more, both families', [4, 6], () => false, 1_010],
    ['IPv6 does not pass any more', [4, 6], ({ family }) => family === 4, 1_510],
  ])('whenever %s, it goes through the tunnel in time', (_, families, passes, mostMs) => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60_000 }), (afterMs) => {
        const segment = new Segment(families);
        segment.until('direct');
        segment.run(afterMs);
        segment.passes = passes;
        expect(segment.until('tunnel')).toBeLessThanOrEqual(mostMs);
      }),
    );
  });

  test('packets as large as those of containers have to pass, too', () => {
    const segment = new Segment();
    segment.passes = ({ bytes }) => bytes < MTU;
    segment.run(60_000);
    expect(segment.pair.way).toBe('tunnel');
    expect(segment.pair.why).toContain('of 1500 bytes');
    segment.passes = () => true;
    segment.until('direct');
    segment.passes = ({ bytes }) => bytes < MTU;
    expect(segment.until('tunnel')).toBeLessThan(12_000);
  });

  test('three lost packets in a row change nothing', () => {
    const segment = new Segment();
    segment.until('direct');
    let number = 0;
    segment.passes = () => number++ % 4 === 3;
    segment.run(60_000);
    expect(segment.pair.way).toBe('direct');
  });

  test('while this process stands still nothing counts as lost', () => {
    const segment = new Segment();
    segment.until('direct');
    for (let times = 0; times < 20; times += 1) {
      segment.run(700);
      // What has arrived meanwhile is read before the pair is judged.
      segment.now += 30_000;
    }
    expect(segment.pair.way).toBe('direct');
  });

  test('two probes a second while it is direct', () => {
    const segment = new Segment([4, 6]);
    segment.until('direct');
    const before = segment.sent.length;
    segment.run(100_000);
    expect(segment.sent.length - before).toBeLessThanOrEqual(201);
    const large = segment.sent.slice(before).filter(({ probe }) => probe.bytes === MTU);
    expect(large.length).toBeGreaterThan(5);
    expect(large.length).toBeLessThan(15);
  });

  test('one that flaps goes directly less and less often, until it was direct for ten minutes', () => {
    const segment = new Segment();
    const calmMs: number[] = [];
    for (let times = 0; times < 9; times += 1) {
      calmMs.push(Math.floor(segment.until('direct') / 1_000));
      segment.passes = () => false;
      segment.until('tunnel');
      segment.passes = () => true;
    }
    for (const [index, seconds] of [3, 6, 12, 24, 48, 96, 192, 300, 300].entries()) {
      expect(calmMs[index]).toBeGreaterThanOrEqual(seconds);
      expect(calmMs[index]).toBeLessThanOrEqual(seconds + 3);
    }
    segment.until('direct');
    segment.run(600_000);
    segment.passes = () => false;
    segment.until('tunnel');
    segment.passes = () => true;
    expect(segment.until('direct')).toBeLessThan(6_000);
  });

  test.each([
    [{ kind: 'router', via: '10.0.0.1' }, 'the route to it goes via 10.0.0.1'],
    [{ kind: 'elsewhere' }, "the route to it does not leave by this host's underlay interface"],
    [{ kind: 'nowhere' }, 'there is no route to it'],
    [{ kind: 'none', why: 'of an obstacle' }, 'of an obstacle'],
  ] as const)('a route that is not on the segment makes it the tunnel at once: %j', (reach, why) => {
    const segment = new Segment();
    segment.until('direct');
    segment.pair.noteReach(reach, segment.now);
    expect(segment.pair).toMatchObject({ way: 'tunnel', mac: undefined, why });
    const before = segment.sent.length;
    segment.run(10_000);
    expect(segment.sent.length).toBe(before);
    segment.pair.noteReach({ kind: 'segment', mac: MAC }, segment.now);
    segment.until('direct');
  });

  test('another MAC has to prove itself; a MAC that the kernel has forgotten goes on', () => {
    const segment = new Segment();
    segment.until('direct');
    segment.pair.noteReach({ kind: 'segment' }, segment.now);
    expect(segment.pair).toMatchObject({ way: 'direct', mac: MAC });
    segment.pair.noteReach({ kind: 'segment', mac: '02:00:00:00:00:03' }, segment.now);
    expect(segment.pair).toMatchObject({ way: 'tunnel', mac: '02:00:00:00:00:03' });
    expect(segment.pair.why).toBe(`its MAC has changed from ${MAC} to 02:00:00:00:00:03`);
    segment.until('direct');
  });

  test('a host whose MAC is unknown gets no probes', () => {
    const pair = new Pair({ families: [4], mtu: MTU }, 0);
    pair.noteReach({ kind: 'segment' }, 0);
    expect(pair.next(0)).toBeUndefined();
    expect(pair.why).toContain('its MAC is unknown');
    expect(pair.dueMs).toBe(2_000);
  });
});
