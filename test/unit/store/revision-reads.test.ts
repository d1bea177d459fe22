import { describe, expect, test } from '@jest/globals';
import { RevisionReads } from '../../../src/store/etcd/watch/revision-reads.js';

const EVERY_MS = 40;

describe('reads of the revision', () => {
  test('are shared by all that wait, and begin after each of them has asked', async () => {
    let revision = 0;
    const reads = new RevisionReads(async () => ++revision, EVERY_MS, new AbortController().signal);
    expect(await Promise.all([reads.next(), reads.next(), reads.next()])).toEqual([1, 1, 1]);
    expect(await reads.next()).toBe(2);
  });

  test('do not serve who asks while one is under way', async () => {
    let revision = 0;
    let late: Promise<number | undefined> | undefined;
    const read = async () => {
      late ??= reads.next();
      return ++revision;
    };
    const reads = new RevisionReads(read, EVERY_MS, new AbortController().signal);
    expect(await reads.next()).toBe(1);
    expect(await late).toBe(2);
  });

  test('that fail have no revision, and neither has a store that is closed', async () => {
    const closing = new AbortController();
    const read = () => Promise.reject(new Error('away'));
    const reads = new RevisionReads(read, EVERY_MS, closing.signal);
    expect(await reads.next()).toBeUndefined();
    const next = reads.next();
    closing.abort();
    expect(await next).toBeUndefined();
  });
});
