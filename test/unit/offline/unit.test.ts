import { expect, test } from '@jest/globals';
import { formatUnit } from '../../../src/offline/unit.js';

/** As systemd 257 prints it. */
const text = (values: Record<string, string>) =>
  Object.entries({ LoadState: 'loaded', ActiveState: 'inactive', SubState: 'dead', ...values })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');

test.each([
  [{ Result: 'success', ExecMainStatus: '0', StateChangeTimestamp: '' }, 'xnet.service is inactive (dead)'],
  [
    {
      ...{ ActiveState: 'failed', SubState: 'failed', Result: 'exit-code', ExecMainStatus: '2' },
      StateChangeTimestamp: 'Mon 2026-11-30 03:00:00 UTC',
    },
    'xnet.service is failed (failed, exit-code 2) since Mon 2026-11-30 03:00:00 UTC',
  ],
  [{ LoadState: 'not-found' }, undefined],
])('what systemd says of the unit, in a few words: %j', (values, said) => {
  expect(formatUnit(text(values))).toBe(said);
});
