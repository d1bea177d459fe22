import { expect, test } from '@jest/globals';
import { GRPCDeadlineExceededError } from 'etcd3';
import { sleep } from '../../../src/concurrency/deadline.js';
import { EtcdCalls } from '../../../src/store/etcd/etcd-calls.js';
import { NOT_SENT } from '../../../src/store/etcd/etcd-failure.js';

const ENDPOINT = 'http://etcd.test:2379';
const REFUSED = '14 UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED';

/** Why a call fails that is refused at first, and not answered when it is tried again. */
async function reasonOf(timeouts: { budgetMs: number; tryMs: number }): Promise<unknown> {
  const calls = new EtcdCalls({ endpoints: [ENDPOINT], prefix: '/xnet/', timeouts });
  let tries = 0;
  const failing = calls.repeatable(async () => {
    tries += 1;
    if (tries === 1) throw new Error(REFUSED);
    await sleep(timeouts.tryMs);
    throw new GRPCDeadlineExceededError(`4 DEADLINE_EXCEEDED: ${NOT_SENT}`);
  });
  return failing.catch((error: unknown) => error).finally(() => calls.close());
}

test('what an endpoint said counts more than its silence in the rest of the time', async () => {
  const message = expect.stringContaining(`${ENDPOINT}: connection refused`);
  expect(await reasonOf({ budgetMs: 300, tryMs: 300 })).toMatchObject({ message });
});

test('an endpoint that was silent for as long as a try may take is said to be', async () => {
  const message = expect.stringContaining(`${ENDPOINT}: no connection in time`);
  expect(await reasonOf({ budgetMs: 400, tryMs: 50 })).toMatchObject({ message });
});
