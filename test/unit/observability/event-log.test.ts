import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventLog } from '../../../src/observability/event-log.js';
import { muteLogger } from '../../support/loggers.js';

const line = (at: string, what: string) => `${JSON.stringify({ at, kind: 'problem', what })}\n`;

let directory: string;
let path: string;

async function whats(log: EventLog, since = ''): Promise<string[]> {
  return (await log.list(since)).map(({ what }) => what);
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnet-events-'));
  path = join(directory, 'events.jsonl');
});

afterEach(() => rm(directory, { recursive: true }));

describe('the log of events', () => {
  test('has what an earlier run noted, from a time on', async () => {
    {
      await using log = new EventLog(path, muteLogger);
      log.note({ kind: 'problem', what: 'first' });
    }
    await using log = new EventLog(path, muteLogger);
    const between = new Date(Date.now() + 1).toISOString();
    while (new Date().toISOString() <= between);
    log.note({ kind: 'problem', what: 'second' });
    expect(await whats(log)).toEqual(['first', 'second']);
    expect(await whats(log, between)).toEqual(['second']);
  });

  test('keeps 10,000 events at least, and not many more', async () => {
    const lines = Array.from({ length: 10_000 }, (_, index) => line('2026-01-01T00:00:00Z', `${index}`));
    await writeFile(path, lines.join(''));
    await using log = new EventLog(path, muteLogger);
    log.note({ kind: 'problem', what: 'one more' });
    expect(await whats(log)).toHaveLength(10_001);
    expect((await readFile(path, 'utf8')).trim().split('\n')).toHaveLength(1);
  });

  test('goes on when somebody has removed the file, also a full one', async () => {
    await writeFile(path, line('2026-01-01T00:00:00Z', 'early').repeat(9_999));
    await using log = new EventLog(path, muteLogger);
    log.note({ kind: 'problem', what: 'the last that fits' });
    expect(await whats(log)).toHaveLength(10_000);
    await rm(path);
    log.note({ kind: 'problem', what: 'next' });
    expect(await whats(log)).toEqual(['next']);
  });

  test('is read in several turns of the event loop', async () => {
    await writeFile(path, line('2026-01-01T00:00:00Z', 'early').repeat(9_999));
    await writeFile(`${path}.1`, line('2026-01-01T00:00:00Z', 'earlier').repeat(30_000));
    await using log = new EventLog(path, muteLogger);
    let isOver = false;
    let longestMs = 0;
    const watch = (since: number) => {
      longestMs = Math.max(longestMs, performance.now() - since);
      if (!isOver) setImmediate(watch, performance.now());
    };
    const listed = log.list('');
    watch(performance.now());
    const startedAt = performance.now();
    expect(await listed).toHaveLength(39_999);
    const wholeMs = performance.now() - startedAt;
    await new Promise(setImmediate);
    isOver = true;
    expect(longestMs).toBeLessThan(wholeMs / 2);
  });

  test('leaves out lines that cannot be read', async () => {
    await writeFile(path, `${line('2026-01-01T00:00:00Z', 'whole')}{"at":"2026-01-01T00:0`);
    await using log = new EventLog(path, muteLogger);
    expect(await whats(log)).toEqual(['whole']);
  });

  test('a line that was cut off does not spoil the next', async () => {
    await appendFile(path, '{"at":"2026-01');
    await using log = new EventLog(path, muteLogger);
    log.note({ kind: 'problem', what: 'next' });
    expect(await whats(log)).toEqual(['next']);
  });

  test('a directory that is gone loses events, and nothing else', async () => {
    await using log = new EventLog(join(directory, 'gone', 'events.jsonl'), muteLogger);
    log.note({ kind: 'problem', what: 'lost' });
    expect(await whats(log)).toEqual([]);
  });

  test('is followed by several at once, until they stop', async () => {
    await using log = new EventLog(path, muteLogger);
    const stop = new AbortController();
    const follow = async () => {
      for await (const { what } of log.follow(stop.signal)) return what;
      return 'stopped';
    };
    const [first, second] = [follow(), follow()];
    log.note({ kind: 'problem', what: 'now' });
    expect(await Promise.all([first, second])).toEqual(['now', 'now']);
    const third = follow();
    stop.abort();
    expect(await third).toBe('stopped');
  });
});
