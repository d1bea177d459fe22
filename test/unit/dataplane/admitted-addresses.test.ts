import { expect, test } from '@jest/globals';
import { AdmittedAddresses } from '../../../src/dataplane/egress/admitted-addresses.js';
import { addressElements } from '../../../src/dataplane/egress/egress-elements.js';
import type { TimedElement } from '../../../src/dataplane/egress/egress-tables.js';
import type { ElementChange } from '../../../src/native/netfilter/set-elements.js';

const SOURCE = '172.18.0.2';
const ADDRESS = '192.0.2.1';

/** With this address let through, for so many seconds more. */
function withLeft(seconds: number) {
  const changes: ElementChange[][] = [];
  const [element] = addressElements(SOURCE, { address: ADDRESS, seconds });
  const tables = {
    change: (some: readonly ElementChange[]) => void changes.push([...some]),
    list: (name: string): TimedElement[] =>
      name === 'addresses' && element ? [{ element, leftMs: seconds * 1000 }] : [],
  };
  const admitted = new AdmittedAddresses(tables);
  admitted.adopt();
  return { admitted, changes };
}

// A client may hold an answer as long as its TTL says: 3600 s, to which 600 are added.
test.each([
  ['has as much time as before', 4_200, 4_200, false],
  ['has most of that left', 3_950, 4_200, false],
  ['has less left than the new answer may be held', 2_200, 4_200, true],
  ['has a little more left than that', 3_890, 4_200, true],
  ['has half of a short time left', 6, 10, false],
  ['has less than half of a short time left', 4, 10, true],
])('an address that %s is let through anew: %#', (_, left, seconds, isRenewed) => {
  const { admitted, changes } = withLeft(left);
  admitted.admit([SOURCE], [{ address: ADDRESS, seconds }]);
  expect(changes.map((some) => some.map(({ verb }) => verb))).toEqual(isRenewed ? [['delete', 'add']] : []);
});

test('an address is let through at first, also for a short time; one whose time is over is forgotten', async () => {
  const { admitted, changes } = withLeft(0);
  expect(admitted.current()).toEqual([]);
  admitted.admit([SOURCE], [{ address: ADDRESS, seconds: 1 }]);
  expect(changes).toHaveLength(1);
  expect(admitted.current()).toHaveLength(1);
  expect(admitted.of((source) => source === SOURCE)).toHaveLength(1);
  expect(admitted.of((source) => source !== SOURCE)).toEqual([]);
});
