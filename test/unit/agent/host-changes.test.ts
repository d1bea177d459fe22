import { expect, test } from '@jest/globals';
import { HostChanges } from '../../../src/agent/hosts/host-changes.js';
import type { Underlay } from '../../../src/dataplane/dataplane.js';
import { muteLogger } from '../../support/loggers.js';
import { eventually } from '../../support/time/eventually.js';

const UNDERLAY: Underlay = {
  ...{ vtep: '192.0.2.1', interface: 'eth0', index: 2, mtu: 1500 },
  mac: '02:00:00:00:00:01',
};

test.each<[string, Partial<Underlay>, number]>([
  ['has another MAC', { mac: '02:00:00:00:00:02' }, 1],
  ['was made anew', { index: 7 }, 1],
  ['has another MTU', { mtu: 1400 }, 1],
  ['is as it was', {}, 0],
])('an underlay that %s concerns the networks accordingly', async (_, change, expected) => {
  let [looks, refreshed] = [0, 0];
  await using changes = new HostChanges({
    ...{ underlay: UNDERLAY, name: 'h1', logger: muteLogger },
    dataplane: {
      followUnderlay: async () => {
        looks++;
        return { ...UNDERLAY, ...change };
      },
    },
    registration: { change: async () => undefined },
    reconnect: () => undefined,
    refresh: () => {
      refreshed++;
    },
  });
  changes.start();
  changes.suspect();
  await eventually(() => expect(looks).toBe(1), 5_000);
  expect(refreshed).toBe(expected);
  expect(changes.underlay).toEqual({ ...UNDERLAY, ...change });
});
