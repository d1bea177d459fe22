/** Where tests and their helpers lie, and what they may import (test/README.md). */
import { resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { circular, crowded, filesOf, importsOf, MOST_FILES, ownImports } from './imports.js';

const TEST = resolve('test');

const files = filesOf(TEST, ['.ts', '.mjs', '.js']);
const ours = ownImports(TEST, importsOf(TEST, files)).filter(({ to }) => !to.startsWith('..'));

/** `unit`, `integration`, ...: the folder of test/ that a file is in. */
const kindOf = (path: string) => path.replace(/\/.*/, '');

/** `lab` for a file in that room of support/; undefined for one that lies in support/ itself, or elsewhere. */
const roomOf = (path: string) => /^support\/([^/]+)\//.exec(path)?.[1];

/** The plans and invariants of the chaos suite are pure, and have unit tests. */
const mayImport = (kind: string, other: string) =>
  [kind, 'support'].includes(other) || (kind === 'unit' && other === 'chaos');

describe('the law of tests', () => {
  test('no file imports a file of tests', () => {
    // Move what several need to support/.
    expect(ours.filter(({ to }) => /\.test\.[jt]s$/.test(to))).toEqual([]);
  });

  test('a kind of tests imports nothing of another kind, and support/ nothing of any', () => {
    expect(ours.filter(({ from, to }) => !mayImport(kindOf(from), kindOf(to)))).toEqual([]);
  });

  test(`no room of support/ has more than ${MOST_FILES} files`, () => {
    const support = files.filter((path) => kindOf(path) === 'support');
    expect(support.length).toBeGreaterThan(MOST_FILES);
    expect(crowded(support)).toEqual([]);
  });

  test('rooms of support/ do not import each other in a circle', () => {
    const rooms = ours.flatMap(({ from, to }) => {
      const [importer, target] = [roomOf(from), roomOf(to)];
      return importer && target ? [[importer, target] as const] : [];
    });
    expect(circular(rooms)).toEqual([]);
  });
});
