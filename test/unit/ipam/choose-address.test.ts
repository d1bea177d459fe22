import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { chooseFree, chooseHighest, chooseResting } from '../../../src/ipam/pools/choose-address.js';

const spans = fc
  .record({ first: fc.bigInt({ min: 0n, max: 1000n }), size: fc.bigInt({ min: 1n, max: 40n }) })
  .map(({ first, size }) => ({ first, last: first + size - 1n }));
const taken = fc.array(fc.bigInt({ min: 0n, max: 1040n }), { maxLength: 60 }).map((list) => new Set(list));
const cursors = fc.option(fc.bigInt({ min: 0n, max: 1100n }), { nil: undefined });

describe('the choice of a free address', () => {
  test('is inside the span and not taken, whatever is skipped, and fails only when all are taken', () => {
    fc.assert(
      fc.property(spans, taken, cursors, fc.nat(50), (span, used, after, skip) => {
        const chosen = chooseFree(span, (address) => used.has(address), after, skip);
        const free = [...range(span)].filter((address) => !used.has(address));
        if (chosen === undefined) expect(free).toEqual([]);
        else expect(free).toContain(chosen);
      }),
    );
  });

  test('goes round: every free address comes once before one comes twice', () => {
    fc.assert(
      fc.property(spans, taken, cursors, (span, used, start) => {
        const free = [...range(span)].filter((address) => !used.has(address));
        const chosen: bigint[] = [];
        let after = start;
        for (const _ of free) {
          after = chooseFree(span, (address) => used.has(address), after);
          if (after !== undefined) chosen.push(after);
        }
        expect([...chosen].sort()).toEqual([...free].sort());
      }),
    );
  });

  test('goes on after the one before, and back to the start after the last', () => {
    const span = { first: 10n, last: 12n };
    const none = () => false;
    expect(chooseFree(span, none, undefined)).toBe(10n);
    expect(chooseFree(span, none, 10n)).toBe(11n);
    expect(chooseFree(span, none, 12n)).toBe(10n);
    expect(chooseFree(span, none, 99n)).toBe(10n);
    expect(chooseFree(span, none, 10n, 1)).toBe(12n);
  });

  test('finds its way in a subnet that is too large to walk through', () => {
    const span = { first: 2n, last: 1n << 64n };
    expect(chooseFree(span, (address) => address < 5000n, 1n, 64)).toBe(5064n);
  });
});

describe('the choice of the highest address', () => {
  test('is the highest free address of the span, and fails only when all are taken', () => {
    fc.assert(
      fc.property(spans, taken, (span, used) => {
        const free = [...range(span)].filter((address) => !used.has(address));
        expect(chooseHighest(span, (address) => used.has(address))).toBe(free.at(-1));
      }),
    );
  });

  test('leaps over as many free addresses as it is told, to the lowest at most', () => {
    const span = { first: 10n, last: 15n };
    const isTaken = (address: bigint) => address === 14n;
    expect(chooseHighest(span, isTaken, 2)).toBe(12n);
    expect(chooseHighest(span, isTaken, 50)).toBe(10n);
  });
});

describe('the choice of a resting address', () => {
  test('is the longest-resting one of the span', () => {
    const span = { first: 10n, last: 20n };
    const resting = [
      { address: 11n, revision: 7 },
      { address: 5n, revision: 1 },
      { address: 12n, revision: 3 },
    ];
    expect(chooseResting(span, resting)).toEqual({ address: 12n, revision: 3 });
    expect(chooseResting(span, resting, 5)).toEqual({ address: 11n, revision: 7 });
    expect(chooseResting(span, [])).toBeUndefined();
  });
});

function* range({ first, last }: { first: bigint; last: bigint }) {
  for (let address = first; address <= last; address++) yield address;
}
