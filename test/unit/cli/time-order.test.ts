import { expect, test } from '@jest/globals';
import { TimeOrder } from '../../../src/cli/capture/time-order.js';

const packet = (atNs: number, point = 0) => ({
  ...{ point, atNs: BigInt(atNs), direction: 'in' as const, length: 0, bytes: Buffer.alloc(0) },
});

test('packets that come late stand in their place, if they come in time', () => {
  const order = new TimeOrder();
  order.add(packet(30), 0);
  order.add(packet(10), 5);
  order.add(packet(40), 6);
  expect(order.take(-1)).toEqual([]);
  // What is earlier than one that has waited long enough goes with it.
  expect(order.take(0).map(({ atNs }) => atNs)).toEqual([10n, 30n]);
  order.add(packet(20), 7);
  expect(order.take(7).map(({ atNs }) => atNs)).toEqual([20n, 40n]);
  expect(order.take(Number.POSITIVE_INFINITY)).toEqual([]);
});

test('packets of one time stay in the order in which they came', () => {
  const order = new TimeOrder();
  for (const point of [2, 0, 1]) order.add(packet(7, point), 0);
  expect(order.take(0).map(({ point }) => point)).toEqual([2, 0, 1]);
});
