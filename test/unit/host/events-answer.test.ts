/** What a host tells others of its events. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { eventsHandler } from '../../../src/host/answers/events.js';
import { EventLog } from '../../../src/observability/event-log.js';
import { muteLogger } from '../../support/loggers.js';

test('others get the latest events, no more than they ask for', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-events-'));
  {
    await using log = new EventLog(join(directory, 'events.jsonl'), muteLogger);
    for (let index = 1; index <= 1_200; index += 1) log.note({ kind: 'problem', what: `${index}` });
    const ask = async (parameters: object) => {
      const parts: unknown[] = [];
      for await (const part of eventsHandler(log)(parameters, new AbortController().signal)) parts.push(part);
      return parts;
    };
    expect(await ask({ since: '', most: 2 })).toEqual([
      [expect.objectContaining({ what: '1199' }), expect.objectContaining({ what: '1200' })],
    ]);
    expect((await ask({ since: '', most: 5_000 })).map((part) => (part as unknown[]).length)).toEqual([
      500, 500, 200,
    ]);
    expect(await ask({ most: 5_000 })).toEqual([]);
  }
  await rm(directory, { recursive: true });
});
