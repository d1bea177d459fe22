import { expect, test } from '@jest/globals';
import { Pairs } from '../../../src/agent/pairs/pairs.js';
import type { PairDevice, Reach } from '../../../src/dataplane/pairs.js';
import { muteLogger } from '../../support/loggers.js';
import { eventually } from '../../support/time/eventually.js';

const MAC = '02:00:00:00:00:02';

/** A host that starts, and does not know of any pair yet. */
function starting(reach: () => Reach): Pairs {
  return new Pairs({
    device: { reach } as unknown as PairDevice,
    testAddressOf: () => '198.18.0.2',
    peers: () => [],
    tested: () => ({ families: [4], mtu: 1500 }),
    underlay: () => ({ vtep: '192.0.2.1', interface: 'eth0', mtu: 1500 }),
    vtepOf: () => '192.0.2.2',
    logger: muteLogger,
  });
}

test('of a host that the kernel has to look for first, listeners are called as soon as its MAC is there', async () => {
  let asked = 0;
  await using pairs = starting(() => ({ kind: 'segment', mac: ++asked < 3 ? undefined : MAC }));
  const changed: string[] = [];
  pairs.onChange((ids) => changed.push(...ids));
  expect(pairs.linkTo('h2')).toBeUndefined();
  await eventually(() => expect(changed).toEqual(['h2']), 2_000);
  expect(pairs.linkTo('h2')).toEqual({ mac: MAC, isDirect: false });
});

test('a host that never answers is not looked for without end, and one that is elsewhere not at all', async () => {
  for (const [reach, most] of [
    [{ kind: 'segment' }, 21],
    [{ kind: 'nowhere' }, 1],
  ] as const) {
    let asked = 0;
    await using pairs = starting(() => {
      asked++;
      return reach;
    });
    expect(pairs.linkTo('h2')).toBeUndefined();
    await eventually(() => expect(asked).toBe(most), 10_000);
  }
});
