import { describe, expect, test } from '@jest/globals';
import { type Column, formatAnswer, table } from '../../../src/cli/output/output.js';

interface Item {
  readonly name: string;
  readonly state?: string;
}

const COLUMNS: readonly Column<Item>[] = [
  ['NAME', ({ name }) => name],
  ['STATE', ({ state }) => state],
];
const ITEMS: Item[] = [{ name: 'web', state: 'silent' }, { name: 'silent-db' }];

describe('how an answer is printed', () => {
  test('a table has a dash where nothing is known, and no colours in a file', () => {
    expect(table(ITEMS, COLUMNS)).toBe('NAME       STATE\nweb        silent\nsilent-db  -\n');
  });

  test('a table has any number of lines', () => {
    const many = Array.from({ length: 150_000 }, () => ({ name: 'web' }));
    expect(table(many, COLUMNS.slice(0, 1)).length).toBe('NAME\n'.length + many.length * 'web\n'.length);
  });

  test('on a screen lines are cut at its width', () => {
    const lines = table(ITEMS, COLUMNS, { columns: 12, hasColors: false }).split('\n');
    expect(lines.slice(0, 3)).toEqual(['NAME       …', 'web        …', 'silent-db  -']);
  });

  test('a state has a colour, a name that is alike has none', () => {
    const [, web = '', db = ''] = table(ITEMS, COLUMNS, { columns: 80, hasColors: true }).split('\n');
    expect(web).toContain('\u001b[31msilent');
    expect(db).not.toContain('\u001b[31m');
  });

  test('JSON and YAML have the whole answer', async () => {
    const answer = { asOf: 'store', items: ITEMS };
    expect(JSON.parse(await formatAnswer(answer, 'json', () => ''))).toEqual(answer);
    expect(await formatAnswer(answer, 'yaml', () => '')).toBe(
      'asOf: store\nitems:\n  - name: web\n    state: silent\n  - name: silent-db\n',
    );
  });

  test('JSON has nothing that acts on a terminal', async () => {
    const answer = { name: 'a\u009b31m\u202e\u2028\u007f\u0007b\nc' };
    const text = await formatAnswer(answer, 'json', () => '');
    expect(text).toBe('{\n  "name": "a\\u009b31m\\u202e\\u2028\\u007f\\u0007b\\nc"\n}\n');
    expect(JSON.parse(text)).toEqual(answer);
  });
});
