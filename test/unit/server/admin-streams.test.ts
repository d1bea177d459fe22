/** What the admin socket answers line by line, or after long work: how it ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { everyOperation, type Handlers } from '../../../src/admin/operations.js';
import { sleep } from '../../../src/concurrency/deadline.js';
import { nextTurn } from '../../../src/concurrency/turns.js';
import { XnetError } from '../../../src/errors.js';
import { createAdminServer, type Streams } from '../../../src/server/admin.js';
import { closeServer } from '../../../src/server/rpc.js';
import { eventually } from '../../support/time/eventually.js';

let directory: string;
let server: Server;
let stopping: AbortController;
/** How many have begun, and not ended. */
let open: number;

async function listen(
  events: Streams['events'],
  capture: Streams['capture'] = none,
  operations: Partial<Handlers> = {},
): Promise<void> {
  const counted = async function* (isAll: boolean, signal: AbortSignal) {
    open += 1;
    try {
      yield* events(isAll, signal);
    } finally {
      open -= 1;
    }
  };
  const streams = { events: counted, capture, stopping: stopping.signal };
  const refused = everyOperation(() => Promise.reject(new Error('not asked')));
  server = createAdminServer({ ...refused, ...operations }, streams);
  await new Promise<void>((resolve) => server.listen(join(directory, 'admin.sock'), resolve));
}

async function* none(): AsyncGenerator<never> {}

function follow(path = '/v1/events/follow'): Promise<IncomingMessage> {
  const options = { socketPath: join(directory, 'admin.sock'), path, agent: false };
  return new Promise((resolve, reject) => request(options, resolve).on('error', reject).end());
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnet-admin-'));
  stopping = new AbortController();
  open = 0;
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(directory, { recursive: true });
});

test('a stream ends when the daemon stops, with the reason as its last line', async () => {
  await listen(async function* (_, signal) {
    yield [{ what: 'first' }];
    await sleep(60_000, signal);
  });
  const lines = text(await follow());
  await eventually(() => expect(open).toBe(1));
  stopping.abort();
  await closeServer(server);
  expect(
    (await lines)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([{ what: 'first' }, { code: 'STOPPING', error: expect.stringMatching(/daemon stops/) }]);
  expect(open).toBe(0);
});

test('a stream ends with its reader', async () => {
  await listen(async function* (_, signal) {
    yield [{ what: 'first' }];
    await sleep(60_000, signal);
  });
  const reader = await follow();
  await eventually(() => expect(open).toBe(1));
  reader.destroy();
  await eventually(() => expect(open).toBe(0));
});

test.each(['its reader', 'the daemon'])('work that takes long ends with %s', async (whom) => {
  const learnPolicy: Handlers['learnPolicy'] = async (_, signal) => {
    open += 1;
    await sleep(60_000, signal);
    open -= 1;
    throw new XnetError('STOPPING', 'it stops');
  };
  await listen(none, none, { learnPolicy });
  const options = { socketPath: join(directory, 'admin.sock'), path: '/v1/networks/shop/policies' };
  const asked = request({ ...options, agent: false }).on('error', () => undefined);
  asked.end();
  await eventually(() => expect(open).toBe(1));
  if (whom === 'the daemon') stopping.abort();
  else asked.destroy();
  await eventually(() => expect(open).toBe(0));
  await closeServer(server);
});

test('a reader that does not read is cut off before much waits for it in memory', async () => {
  let sent = 0;
  await listen(async function* (_, signal) {
    for (; !signal.aborted && sent < 64; sent += 1) {
      yield [{ what: 'x'.repeat(1 << 20) }];
      await nextTurn();
    }
    await sleep(60_000, signal);
  });
  const reader = await follow();
  reader.pause();
  await eventually(() => expect(sent).toBeGreaterThan(0));
  await eventually(() => expect(open).toBe(0));
  expect(sent).toBeLessThan(16);
});

test('for the reader of a capture, whose packets are so many at most, it is waited', async () => {
  let sent = 0;
  await listen(none, async function* ({ of, count }) {
    while (sent < (count ?? 0)) {
      sent += 1;
      yield [{ kind: 'refusal', host: of, refusal: 'x'.repeat(1 << 20) }];
    }
  });
  const reader = await follow('/v1/capture/shop?count=8');
  reader.pause();
  await eventually(() => expect(sent).toBeGreaterThan(0));
  await sleep(50);
  expect(sent).toBeLessThan(8);
  const lines = (await text(reader)).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line).host)).toEqual(Array(8).fill('shop'));
});
