import { describe, expect, test } from '@jest/globals';
import { didYouMean } from '../../../src/cli/did-you-mean.js';
import { createProgram } from '../../../src/cli/program.js';

const none = async () => undefined;

/** Whether commander takes the words. */
async function isCommand(words: readonly string[]): Promise<boolean> {
  const program = createProgram({ serve: none, refuse: none, writeBundle: async () => '', version: '1' });
  for (const command of [program, ...program.commands, ...program.commands.flatMap((each) => each.commands)])
    command
      .exitOverride()
      .configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
      .hook('preAction', () => {
        throw new Error('taken');
      });
  return program.parseAsync(['node', 'xnet', ...words]).then(
    () => true,
    (error: Error) => error.message === 'taken',
  );
}

describe('did you mean', () => {
  test.each([
    ['doctor h2', 'xnet doctor --all'],
    ['network ls', 'xnet networks'],
    ['network list -o json', 'xnet networks'],
    ['network shop', 'xnet network show shop'],
    ['network', 'xnet networks'],
    ['networks -o json shop', 'xnet network show shop'],
    ['hosts rm h2', 'xnet host rm h2'],
    ['endpoints shop', 'xnet endpoints --network shop'],
    ['trace web', 'xnet trace web outside'],
    ['trace', 'xnet endpoints'],
    ['trace --network shop web', 'xnet trace web outside'],
    ['trace -w 5 web', 'xnet trace web outside'],
    ['trace web db 80', 'xnet trace web db:80'],
    ['trace web db now', 'xnet trace web db'],
    ['endpoints --host h2 shop', 'xnet endpoints --network shop'],
    ['capture', 'xnet capture h1'],
    ['ping', 'xnet hosts'],
    ['ps', 'xnet endpoints'],
  ])('%s', async (words, meant) => {
    expect(await isCommand(words.split(' '))).toBe(false);
    const [command = '', comment] = (didYouMean(words.split(' '), 'h1') ?? '').split(/ {3}# /);
    expect(command).toBe(meant);
    expect(comment ?? 'x').not.toBe('');
    expect(await isCommand(command.split(' ').slice(1))).toBe(true);
  });

  test.each([
    ['network rm shop', 'docker network rm shop'],
    ['network create shop', 'docker network create -d xnet --ipam-driver xnet shop'],
  ])("what is done with Docker's command: %s", async (words, meant) => {
    expect(await isCommand(words.split(' '))).toBe(false);
    expect(didYouMean(words.split(' '), 'h1')).toBe(meant);
  });

  test('a name becomes one word of the command', () => {
    expect(didYouMean(['network', 'my net'], 'h1')).toBe("xnet network show 'my net'");
  });

  test('nothing near is nothing said', () => {
    expect(didYouMean(['frobnicate'], 'h1')).toBeUndefined();
    expect(didYouMean(['network', 'prune', 'all'], 'h1')).toBeUndefined();
  });
});
