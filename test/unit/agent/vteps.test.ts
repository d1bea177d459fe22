import { describe, expect, test } from '@jest/globals';
import { Vteps } from '../../../src/agent/hosts/vteps.js';

const [ONE, TWO] = ['192.0.2.1', '192.0.2.2'];

function vtepsOf(...hosts: readonly (readonly [id: string, vtep: string | undefined, isAlive: boolean])[]) {
  const vteps = new Vteps();
  const moved = hosts.map(([id, vtep, isAlive]) => vteps.set(id, { vtep, isAlive }));
  return { vteps, moved };
}

describe('the VTEPs of the hosts', () => {
  test('a host that falls silent keeps its VTEP, and nothing has moved', () => {
    const { vteps, moved } = vtepsOf(['a', ONE, true], ['a', ONE, false]);
    expect(moved).toEqual([['a'], []]);
    expect(vteps.of('a')).toBe(ONE);
  });

  test('a silent host loses its VTEP to one that is alive, and has it again when that falls silent', () => {
    const { vteps, moved } = vtepsOf(['a', ONE, false], ['b', ONE, true], ['b', ONE, false]);
    expect(moved).toEqual([['a'], ['b', 'a'], ['a']]);
    expect([vteps.of('a'), vteps.of('b')]).toEqual([ONE, ONE]);
  });

  test('it has it again when the other moves, or is gone', () => {
    expect(vtepsOf(['a', ONE, false], ['b', ONE, true], ['b', TWO, true]).moved[2]).toEqual(['b', 'a']);
    expect(vtepsOf(['a', ONE, false], ['b', ONE, true], ['b', undefined, false]).moved[2]).toEqual([
      'b',
      'a',
    ]);
  });

  test('two that are alive both have it, as each says so of itself', () => {
    const { vteps } = vtepsOf(['a', ONE, true], ['b', ONE, true]);
    expect([vteps.of('a'), vteps.of('b')]).toEqual([ONE, ONE]);
  });

  test('nothing is kept of a host that is gone', () => {
    const { vteps, moved } = vtepsOf(['a', ONE, true], ['a', undefined, false]);
    expect(moved[1]).toEqual(['a']);
    expect(vteps.of('a')).toBeUndefined();
  });
});
