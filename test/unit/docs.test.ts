/** Documentation that cannot drift: tables of the docs are compared with the code. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { OPERATIONS, STREAMS } from '../../src/admin/operations.js';
import { createProgram } from '../../src/cli/program.js';
import { listSettings } from '../../src/config/schema.js';
import { NETWORK_OPTIONS } from '../../src/driver/networks/network-options.js';
import { ERROR_CODES } from '../../src/errors.js';

/** First cells of the rows of a page's tables, without back-ticks. */
function firstCells(page: string): string[] {
  const rows = readFileSync(page, 'utf8').matchAll(/^\| `?([^|`]+?)`? \|/gm);
  return [...rows].map((row) => row[1] as string);
}

/** Usage and description of each command that is for people. */
function commandsOf(program: Command): [string, string][] {
  const visible = program
    .createHelp()
    .visibleCommands(program)
    .filter((each) => each.name() !== 'help');
  return visible.flatMap((command) => {
    const inner = commandsOf(command);
    if (inner.length > 0) return inner;
    const names = [command.parent?.parent && command.parent.name(), command.name()].filter(Boolean);
    const given = command.registeredArguments.map(
      (argument) => `<${argument.name().replaceAll('|', '\\|')}>`,
    );
    return [[['xnet', ...names, ...given].join(' '), command.description()]];
  });
}

describe('the documentation', () => {
  test('lists every error code with its meaning', () => {
    const page = readFileSync('docs/errors.md', 'utf8');
    for (const [code, meaning] of Object.entries(ERROR_CODES))
      expect(page).toContain(`| ${code} | ${meaning} |`);
  });

  test('lists every setting of xnet serve, and none that is gone', () => {
    const flags = firstCells('docs/configuration.md').filter((cell) => cell.startsWith('--'));
    expect(flags).toEqual(listSettings().map(({ flag }) => flag));
  });

  test('lists every command, and every operation of the admin API, with what it does', () => {
    const page = readFileSync('docs/commands.md', 'utf8');
    const none = async () => undefined;
    const commands = commandsOf(
      createProgram({ serve: none, refuse: none, writeBundle: async () => '', version: '1' }),
    );
    for (const [usage, description] of commands) expect(page).toContain(`| \`${usage}\` | ${description} |`);
    for (const { method, path, summary } of Object.values({ ...OPERATIONS, ...STREAMS }))
      expect(page).toContain(`| \`${method.toUpperCase()} ${path}\` | ${summary} |`);
  });

  test('names tests of failures that there are', () => {
    const page = readFileSync('docs/failure-modes.md', 'utf8');
    const names = [...page.matchAll(/`((?:unit|contract|integration|e2e|alone)\/[\w/-]+)`/g)].map(
      ([, name]) => name,
    );
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => !existsSync(`test/${name}.test.ts`))).toEqual([]);
  });

  test('says where to go with paths that there are', () => {
    const table = readFileSync('CONTRIBUTING.md', 'utf8').match(/^\| to change[\s\S]*?\n\n/m)?.[0] ?? '';
    const named = [...table.matchAll(/`((?:src|plugin|bin)\/[\w./-]+)`(?:, `([\w-]+\.ts)`)*/g)];
    const paths = named.flatMap(([whole, path = '']) => {
      const beside = [...whole.matchAll(/, `([\w-]+\.ts)`/g)].map(([, file]) =>
        join(dirname(path), `${file}`),
      );
      return [path, ...beside];
    });
    expect(paths.length).toBeGreaterThan(40);
    expect(paths.filter((path) => !existsSync(path))).toEqual([]);
  });

  test('has a map of all folders of src, and paths that there are', () => {
    const page = readFileSync('docs/architecture.md', 'utf8');
    const folders = readdirSync('src', { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath }) => parentPath);
    const mapped = firstCells('docs/architecture.md').filter((cell) => /^src(\/|$)/.test(cell));
    expect(mapped).toEqual([...new Set(folders)].sort());
    const paths = [...page.matchAll(/`(src\/[\w./-]+)`/g)].map(([, path]) => `${path}`);
    expect(paths.filter((path) => !existsSync(path))).toEqual([]);
  });

  test('opens every folder of src with what it is for', () => {
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.ts'),
    );
    const map = readFileSync('docs/architecture.md', 'utf8');
    const opened = files.flatMap((path) => {
      const comment = /^\/\*\*[\s\S]*?\*\//.exec(readFileSync(join('src', path), 'utf8'))?.[0] ?? '';
      const folder = /^[/* ]+src\/([\w/]+):/m.exec(comment)?.[1];
      if (folder === undefined) return [];
      // The map says where to begin.
      expect(map).toMatch(new RegExp(`^\\| \`src/${folder}\` \\|.*\\| \`${basename(path)}\` \\|$`, 'm'));
      return folder;
    });
    // A folder without files of its own is opened by its rooms.
    const folders = new Set(files.map((path) => path.split('/').slice(0, -1)[0] ?? ''));
    const isOpened = (folder: string) =>
      opened.some((each) => each === folder || each.startsWith(`${folder}/`));
    expect([...folders].filter((folder) => folder !== '' && !isOpened(folder))).toEqual([]);
  });

  test('says everywhere which versions of Docker were tested', () => {
    const head = readFileSync('docs/compatibility.md', 'utf8').match(/^\| feature \|.*/m)?.[0] ?? '';
    const [last, ...others] = [...head.matchAll(/Docker (\S+)/g)].map(([, version]) => version).reverse();
    const list = `${others.reverse().join(', ')} and ${last}`;
    expect(readFileSync('README.md', 'utf8')).toContain(`Tested with Docker ${list} (`);
    expect(readFileSync('docs/install.md', 'utf8')).toContain(`: ${list})`);
  });

  test('lists every network option', () => {
    expect(firstCells('docs/using.md')).toEqual(expect.arrayContaining(Object.keys(NETWORK_OPTIONS)));
  });
});
