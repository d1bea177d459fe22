import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Prefix } from '../../../src/inet/prefix.js';
import { formatPoolId, holdOn, parsePoolId, randomToken, splitPoolId } from '../../../src/ipam/hold.js';
import {
  ADDRESS_SPACES,
  formatPoolKey,
  parseAddressSpace,
  parseNetworkName,
  parsePoolKey,
} from '../../../src/model/pool.js';
import { prefixes } from '../inet/arbitraries.js';

const names = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/);
const poolNames = fc
  .record({
    space: fc.constantFrom(...Object.values(ADDRESS_SPACES)),
    subnet: prefixes,
    name: fc.option(names),
  })
  .map(({ space, subnet, name }) => ({ space, subnet, ...(name === null ? {} : { networkName: name }) }));

const GOOD = 'xnet-local~shop~10.1.0.0/24~10.1.0.128/25~0123456789abcdef';

describe('a PoolID', () => {
  test('says all that it was made of', () => {
    fc.assert(
      fc.property(poolNames, fc.boolean(), fc.boolean(), (name, ranged, top) => {
        const range = ranged ? { range: Prefix.around(name.subnet.last, name.subnet.length) } : {};
        const highestFirst = top ? { highestFirst: true as const } : {};
        const hold = holdOn(name, randomToken(), { ...range, ...highestFirst });
        const text = formatPoolId(hold);
        expect(formatPoolId(parsePoolId(text))).toBe(text);
        expect(formatPoolKey(parsePoolId(text))).toBe(formatPoolKey(name));
        expect(parsePoolId(text).highestFirst === true).toBe(top);
        expect(parsePoolId(text)).toEqual(hold);
        expect(splitPoolId(text)).toEqual({ poolKey: hold.poolKey, id: hold.id });
      }),
    );
  });

  test.each([
    '',
    '~~~~',
    'x',
    GOOD.toUpperCase(),
    `${GOOD}~`,
    `${GOOD}~bottom`,
    `${GOOD}~top~`,
    `${GOOD} `,
    `${GOOD}\n`,
    ` ${GOOD}`,
    'A'.repeat(10_000),
    GOOD.replace('shop', '..'),
    GOOD.replace('shop', '../../etc'),
    GOOD.replace('shop', '$(reboot)'),
    GOOD.replace('shop', 'a;b'),
    GOOD.replace('shop', 'a b'),
    GOOD.replace('shop', 's'.repeat(10_000)),
    GOOD.replace('10.1.0.0/24', '10.1.0.1/24'),
    GOOD.replace('10.1.0.128/25', '10.2.0.0/25'),
    GOOD.replace('xnet-local', 'LocalDefault'),
    GOOD.replace('abcdef', 'abcde'),
    GOOD.replace('abcdef', 'abcdeg'),
  ])('%.80j is refused', (text) => {
    expect(() => parsePoolId(text)).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });

  test('any other text is refused, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        expect(() => parsePoolId(text)).toThrow(expect.objectContaining({ code: 'INVALID' }));
      }),
    );
  });
});

describe('a pool key', () => {
  test('is read back as the name it was made of', () => {
    fc.assert(
      fc.property(poolNames, (name) => {
        const read = parsePoolKey(formatPoolKey(name));
        expect(formatPoolKey(read)).toBe(formatPoolKey(name));
        expect([read.space, read.networkName]).toEqual([
          name.space,
          'networkName' in name ? name.networkName : undefined,
        ]);
      }),
    );
  });

  test.each(['', 'xnet-local', 'xnet-local~a~b~10.0.0.0/8', '10.0.0.0/8', 'xnet-local~~10.0.0.0/8'])(
    '%j is refused',
    (text) => {
      expect(() => parsePoolKey(text)).toThrow(expect.objectContaining({ code: 'INVALID' }));
    },
  );

  test('is made of known spaces and of names that Docker takes', () => {
    expect(() => parseAddressSpace('xnet-other')).toThrow('xnet-local and xnet-global');
    expect(() => parseNetworkName('-a')).toThrow(expect.objectContaining({ code: 'INVALID' }));
    expect(parseNetworkName('Shop_1.x-y')).toBe('Shop_1.x-y');
  });
});
