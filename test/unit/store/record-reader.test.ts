import { expect, test } from '@jest/globals';
import { keys } from '../../../src/model/keys.js';
import { macRecord } from '../../../src/model/mac.js';
import { RecordReader } from '../../../src/store/record-reader.js';

test('of a thousand records that cannot be read a few lines are logged, each with their number and an example', () => {
  const lines: unknown[] = [];
  const reader = new RecordReader({ error: (_: string, fields: unknown) => lines.push(fields) } as never);
  const entries = Array.from({ length: 1_000 }, (_, n) => ({
    ...{ key: keys.mac('n', `${n}`), value: '{"version":2}', revision: n + 1, createRevision: n + 1 },
  }));
  for (let round = 0; round < 2; round++) expect(reader.read(macRecord, keys.macs(), entries)).toEqual([]);
  expect(lines).toMatchObject(
    [1, 10, 100, 1_000].map((count) => ({ count, key: keys.mac('n', `${count - 1}`) })),
  );
  expect(reader.problems).toEqual([expect.stringContaining('and 990 more')]);
});
