import { expect } from '@jest/globals';
import { measureSlowdown } from './slowdown.js';

/** That what took `ms` was in time, on a machine with a free processor. */
export function expectInTime(ms: number, boundMs: number): void {
  expect(ms / measureSlowdown()).toBeLessThan(boundMs);
}
