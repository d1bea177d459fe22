/** Pools in which a host may have addresses of an earlier daemon, and which it does not follow. */
import { expect, jest, test } from '@jest/globals';
import { keys } from '../../../src/model/keys.js';
import type { Store } from '../../../src/store/store.js';
import { Cluster, replacing } from '../../support/ipam/cluster.js';

const POOLS = Array.from({ length: 9 }, (_, index) => `xnet-local~10.1.${index}.0/24`);

test('are read one every half minute where no container needs them', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  try {
    await using cluster = new Cluster();
    const read: string[] = [];
    const list: Store['list'] = async (prefix) => {
      if (prefix.startsWith(keys.addresses())) read.push(prefix);
      // As a store does: later than its call, and not on the second, when pauses end.
      await new Promise((resolve) => setTimeout(resolve, 370));
      return cluster.store.list(prefix);
    };
    const poolsHere = async () => ({ poolIds: [], poolKeys: new Map(POOLS.map((each) => [each, false])) });
    cluster.host('h1', {
      store: replacing(cluster.store, { list }),
      reserves: { size: 8, lookMs: 1_000, poolsHere },
    });
    await jest.advanceTimersByTimeAsync(125_000);
    expect(read).toEqual(POOLS.slice(0, 5).map((each) => keys.addressesOf(each)));
  } finally {
    jest.useRealTimers();
  }
});
