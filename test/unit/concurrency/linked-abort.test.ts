import { getMaxListeners } from 'node:events';
import { expect, test } from '@jest/globals';
import { LinkedAbort } from '../../../src/concurrency/linked-abort.js';

// Node prints a warning, in the midst of the log, when more listen than it takes for right.
test('as many calls as there are may hang on one source', () => {
  const source = new AbortController();
  using _call = new LinkedAbort([source.signal]);
  expect(getMaxListeners(source.signal)).toBe(Number.POSITIVE_INFINITY);
});
