import { expect, test } from '@jest/globals';
import { namedError } from '../../../src/driver/endpoints/named-error.js';
import { XnetError } from '../../../src/errors.js';

const NAMES: Readonly<Record<string, string>> = { '0123456789ab': 'office', ba9876543210: 'lab' };
const named = (error: unknown) => namedError(error, (id) => NAMES[id]);

test('an error has the names of networks instead of their ids, as far as they are known', () => {
  const fields = { networkId: '0123456789ab' };
  const error = new XnetError(
    'IN_USE',
    'network 0123456789ab (ipvlan l3, bridge) cannot be on eth1: network ba9876543210 (ipvlan l2, bridge) is on it, not network ffffffffffff',
    fields,
  );
  expect(named(error)).toMatchObject({
    ...{ code: 'IN_USE', fields, cause: error },
    message:
      'network office (ipvlan l3, bridge) cannot be on eth1: network lab (ipvlan l2, bridge) is on it, not network ffffffffffff',
  });
});

test('what has none in it is as it was', () => {
  for (const error of [new XnetError('KERNEL', 'no network'), new Error('network 0123456789ab'), 'text'])
    expect(named(error)).toBe(error);
});
