/** Calls through the keeper's relay, to a daemon's real server on a unix socket. */
import { mkdtemp, rm } from 'node:fs/promises';
import { type Server as HttpServer, request } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { sleep } from '../../../src/concurrency/deadline.js';
import { CallRelays } from '../../../src/keeper/call-relays.js';
import { listenUnix } from '../../../src/native/unix-listener.js';
import { method } from '../../../src/server/method.js';
import { createRpcServer } from '../../../src/server/rpc.js';
import { muteLogger } from '../../support/loggers.js';
import { loadRatio } from '../../support/time/load.js';

interface Asked {
  readonly path?: string;
  readonly verb?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

let directory: string;
let relays: CallRelays;
let daemon: Server | HttpServer;
/** Made by the keeper. */
let connections: number;

const socketPath = () => join(directory, 'plugin.sock');

function call({ path = '/Echo', verb = 'POST', headers: more = {}, body }: Asked): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const headers = { Connection: 'keep-alive', ...more };
    const timeout = Math.round(3_000 * loadRatio());
    const options = { socketPath: socketPath(), path, method: verb, headers, agent: false, timeout };
    const asked = request(options, (response) => {
      text(response).then((answer) => resolve([response.statusCode ?? 0, answer]), reject);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end(body);
  });
}

async function serve(server: Server | HttpServer): Promise<void> {
  daemon = server;
  connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(join(directory, 'calls.sock'), resolve));
}

const echo = method('Echo', z.unknown(), async (parameters) => {
  await sleep(Math.random() * 5);
  return { parameters };
});

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnet-relays-'));
  relays = new CallRelays();
  const entry = { key: 'plugin', fd: listenUnix(socketPath()), given: false };
  relays.start(entry, join(directory, 'calls.sock'), () => entry.fd);
});

afterEach(async () => {
  await relays.end('plugin');
  daemon.close();
  await rm(directory, { recursive: true });
});

describe('a call through the relay', () => {
  test('gets its own answer, many at once on few connections', async () => {
    await serve(createRpcServer([echo], muteLogger));
    for (let round = 0; round < 20; round += 1) {
      const asked = Array.from(
        { length: 6 },
        (_, index) => `${round} ${index} ${'x'.repeat(index * 20_000)}`,
      );
      const answers = await Promise.all(asked.map((each) => call({ body: JSON.stringify(each) })));
      expect(answers).toEqual(asked.map((parameters) => [200, JSON.stringify({ parameters })]));
    }
    expect(connections).toBeLessThan(60);
  });

  test.each<[string, Asked, number]>([
    ['in chunks', { headers: { 'Transfer-Encoding': 'chunked' }, body: '{}' }, 200],
    ['that waits for "100 Continue"', { headers: { Expect: '100-continue' }, body: '{}' }, 200],
    ['with an expectation that nobody knows', { headers: { Expect: 'more' }, body: '{}' }, 200],
    ['that asks for the head alone', { verb: 'HEAD' }, 404],
    ['by GET', { verb: 'GET' }, 404],
    ['that closes its connection', { headers: { Connection: 'close' }, body: '{}' }, 200],
    ['that is too large for the daemon', { body: JSON.stringify({ text: 'x'.repeat(1_200_000) }) }, 413],
    ['that is too large for the keeper', { body: JSON.stringify({ text: 'x'.repeat(2_200_000) }) }, 413],
  ])('%s is answered at once', async (_, asked, status) => {
    await serve(createRpcServer([echo], muteLogger));
    expect(await call(asked)).toEqual([status, expect.any(String)]);
    expect(await call({ body: '"next"' })).toEqual([200, '{"parameters":"next"}']);
  });

  test('that a daemon without descriptors refuses unread is not asked again and again without a pause', async () => {
    await serve(createServer({ pauseOnConnect: true }, (socket) => socket.destroy()));
    const refused = call({ body: '{}' }).catch((error: Error) => error.message);
    await sleep(500);
    expect(connections).toBeGreaterThan(0);
    expect(connections).toBeLessThan(20);
    const closed = daemon;
    await new Promise((resolve) => closed.close(resolve));
    await serve(createRpcServer([echo], muteLogger));
    expect(await refused).toEqual([200, '{"parameters":{}}']);
  });
});
