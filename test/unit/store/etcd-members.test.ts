import { expect, test } from '@jest/globals';
import { sleepRunning } from '../../../src/concurrency/deadline.js';
import type { EtcdEndpoint } from '../../../src/store/etcd/etcd-endpoint.js';
import { askMember } from '../../../src/store/etcd/etcd-members.js';

/** A member whose answers take so long each of this process's running time, the last time for all further ones; counts them. */
function member(...times: readonly number[]) {
  const status = { version: '3.5', dbSize: '1', leader: '1', errors: [] };
  let count = 0;
  const call = async () => {
    await sleepRunning(times[Math.min(count, times.length - 1)] ?? 0);
    count += 1;
    return status;
  };
  const endpoint = { url: 'http://127.0.0.1:1', call } as unknown as EtcdEndpoint;
  return { endpoint, count: () => count };
}

test('of several answers of a member the fastest counts', async () => {
  const { endpoint, count } = member(300, 0);
  expect((await askMember(endpoint, undefined)).answerMs).toBeLessThan(250);
  expect(count()).toBe(3);
});

test('a member that takes long is asked once, so that the doctor still says so in time', async () => {
  const { endpoint, count } = member(1_100);
  expect((await askMember(endpoint, undefined)).answerMs).toBeGreaterThan(0);
  expect(count()).toBe(1);
});
