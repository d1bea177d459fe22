/** What the store promises of twins (src/model/by-host.ts). */
import { expect } from '@jest/globals';
import { recordKeyOf, twinKeyOf } from '../../../src/model/by-host.js';
import { keys } from '../../../src/model/keys.js';

type Content = ReadonlyMap<string, string>;

/** Each binding, hold and endpoint in `content`, which is all of a store, has its twin, and each twin is of one of these. */
export function expectTwins(content: Content): void {
  const records = [...content].flatMap(([key, value]) => {
    const twin = twinKeyOf({ key, value });
    return twin === undefined ? [] : [[twin, value] as const];
  });
  const twins = [...content].filter(([key]) => key.startsWith(keys.byHost()));
  expect(sorted(twins)).toEqual(sorted(records));
  for (const [key, value] of twins) expect(content.get(recordKeyOf(key) ?? '')).toBe(value);
}

/** As an xnet wrote it that knew no twins. */
export function withoutTwins(content: Content): Map<string, string> {
  const older = [...content].filter(([key]) => !key.startsWith(keys.byHost()));
  return new Map(
    older.map(([key, value]) => {
      if (!key.startsWith(keys.hosts())) return [key, value];
      const { twins: _, ...record } = JSON.parse(value) as Record<string, unknown>;
      return [key, JSON.stringify(record)];
    }),
  );
}

export function contentOf(entries: readonly { readonly key: string; readonly value: string }[]): Content {
  return new Map(entries.map(({ key, value }) => [key, value]));
}

function sorted(entries: readonly (readonly [string, string])[]) {
  return [...entries].sort(([one], [other]) => (one < other ? -1 : 1));
}
