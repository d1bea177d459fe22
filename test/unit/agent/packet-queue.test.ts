import { describe, expect, test } from '@jest/globals';
import { PacketQueue } from '../../../src/agent/capture/packet-queue.js';
import type { CapturedPacket } from '../../../src/dataplane/dataplane.js';

const packet = (atNs: number, bytes = 60): CapturedPacket => ({
  ...{ atNs: BigInt(atNs), direction: 'in', length: bytes, bytes: Buffer.alloc(bytes) },
});
const packets = (count: number, bytes?: number) => Array.from({ length: count }, (_, i) => packet(i, bytes));
const ignore = () => undefined;

describe('packets that wait', () => {
  test('are taken in the order in which they came, so many bytes at a time, one at least', () => {
    const queue = new PacketQueue(100, ignore);
    queue.add(0, [packet(1), packet(2)]);
    queue.add(1, [packet(3, 5000)]);
    const taken = [queue.take(250), queue.take(250), queue.take(250)];
    expect(taken.map((part) => part.map(([point, at]) => [point, at]))).toEqual([
      [
        [0, '1'],
        [0, '2'],
      ],
      [[1, '3']],
      [],
    ]);
  });

  test('are enough when there are so many of all points, and of each point no more are taken', () => {
    let enough = 0;
    const queue = new PacketQueue(3, () => {
      enough += 1;
    });
    queue.add(0, packets(2));
    expect(enough).toBe(0);
    queue.add(1, packets(5));
    expect(enough).toBe(1);
    queue.add(0, packets(5));
    const points = queue.take(1e6).map(([point]) => point);
    expect(points).toEqual([0, 0, 1, 1, 1, 0]);
    expect([...queue.dropped]).toEqual([]);
  });

  test('are dropped and counted by point when too much waits, and taken again when there is room', () => {
    const queue = new PacketQueue(10_000, ignore);
    queue.add(0, packets(1000, 5000));
    queue.add(1, packets(2, 5000));
    const first = queue.take(1e9).length;
    expect([...queue.dropped]).toEqual([
      [0, 1000 - first],
      [1, 2],
    ]);
    queue.add(1, packets(1));
    expect(queue.take(1e9)).toHaveLength(1);
  });

  test('are waited for', async () => {
    const queue = new PacketQueue(10, ignore);
    const stop = new AbortController();
    const waiting = queue.untilSome(stop.signal);
    queue.add(0, packets(1));
    await waiting;
    queue.take(1000);
    const again = queue.untilSome(stop.signal);
    stop.abort();
    await again;
  });
});
