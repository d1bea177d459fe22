import { expect, jest, test } from '@jest/globals';
import { AddressWatch } from '../../../src/agent/local/address-watch.js';
import { muteLogger } from '../../support/loggers.js';
import { eventually } from '../../support/time/eventually.js';

test('containers are looked at after an address that this host has not given, until nothing is found', async () => {
  let found = ['the address 10.9.0.7 is there twice'];
  let looks = 0;
  const local = {
    listAllEndpoints: () => [{ networkId: 'n', addresses: ['10.9.0.2', 'fd00:9::2'] }],
    listNetworks: () => [
      { record: { id: 'n', pools: [{ subnet: '10.9.0.0/24' }, { subnet: 'fd00:9::/64' }] } },
      { record: { id: 'without endpoints', pools: [{ subnet: '10.8.0.0/24' }] } },
    ],
  };
  const find = async () => {
    looks += 1;
    return found;
  };
  await using watch = new AddressWatch({ local: local as never, find, logger: muteLogger });
  watch.start();
  for (const given of ['10.9.0.2', 'fd00:9::2', '172.18.0.2', '10.8.0.7', 'fe80::42', '127.0.0.1'])
    watch.note(given);
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect([looks, watch.problems]).toEqual([0, []]);
  watch.note('10.9.0.7');
  await eventually(() => expect(watch.problems).toEqual(found));
  found = [];
  watch.hint();
  await eventually(() => expect(watch.problems).toEqual([]));
  looks = 0;
  const until = performance.now() + 1_000;
  while (performance.now() < until) {
    watch.note('10.9.0.8');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(looks).toBe(0);
});

test('what was set before the start is found, too, and nothing is looked at for long after that', async () => {
  jest.useFakeTimers();
  try {
    let looks = 0;
    const find = async () => {
      looks += 1;
      return [];
    };
    await using watch = new AddressWatch({ local: {} as never, find, logger: muteLogger });
    watch.start();
    await jest.advanceTimersByTimeAsync(5_000);
    expect(looks).toBe(0);
    await jest.advanceTimersByTimeAsync(3_600_000);
    expect(looks).toBe(1);
  } finally {
    jest.useRealTimers();
  }
});
