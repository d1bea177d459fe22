import { describe, expect, test } from '@jest/globals';
import { candidates, type NameKind } from '../../../src/cli/completion.js';
import { createProgram } from '../../../src/cli/program.js';

const none = async () => undefined;
const program = createProgram({ serve: none, refuse: none, writeBundle: async () => '', version: '1.0.0' });
const NAMES: Record<NameKind, string[]> = { network: ['shop', 'store'], host: ['h1'], container: ['shelf'] };

function complete(...words: string[]): Promise<string[]> {
  return candidates(program, words, async (kind) => NAMES[kind]);
}

describe('completion', () => {
  test.each([
    [['net'], ['networks', 'network']],
    [
      ['network', ''],
      ['show', 'help'],
    ],
    [
      ['network', 'show', 's'],
      ['shop', 'store'],
    ],
    [
      ['names', 'sh'],
      ['shop', 'shelf'],
    ],
    [['endpoints', '--host', ''], ['h1']],
    [['endpoints', '--host', 'h1', '--n'], ['--network']],
    [
      ['endpoints', '--network=s'],
      ['--network=shop', '--network=store'],
    ],
    [
      ['endpoints', '--network', '='],
      ['shop', 'store'],
    ],
    [['endpoints', '--network', '=', 'st'], ['store']],
    [['endpoints', '--host', '=', 'h1', '--n'], ['--network']],
    [['capture', 'shop', '--on', ''], ['h1']],
    [['capture', 'she'], ['shelf']],
    [['pools', '-o', 'y'], ['yaml']],
    [['host', 'rm', ''], ['h1']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['nonsense', ''], []],
  ])('of %j', async (words, expected) => {
    expect(await complete(...words)).toEqual(expected);
  });

  test('does not offer names that a shell would read otherwise', async () => {
    const odd = ['my net', '$(id)', '*', 'a;b', "it's", 'two\nlines', 'plain', 'größe'];
    expect(await candidates(program, ['network', 'show', ''], async () => odd)).toEqual(['plain', 'größe']);
  });

  test('does not offer what is not for people', async () => {
    expect(await complete('')).toEqual(expect.not.arrayContaining(['complete', 'refuse']));
  });
});
