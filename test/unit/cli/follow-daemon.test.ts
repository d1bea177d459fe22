/** `xnet events --follow`: how it ends when the daemon does. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { followDaemon } from '../../../src/cli/ask/ask-daemon.js';

let directory: string;
let server: Server;

async function serve(answer: (response: ServerResponse) => void): Promise<void> {
  server = createServer((_, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(join(directory, 'admin.sock'), resolve));
}

async function follow(items: object[] = []): Promise<void> {
  for await (const item of followDaemon(join(directory, 'admin.sock'), '/')) items.push(item);
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnet-follow-'));
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(directory, { recursive: true });
});

test('lines are objects, wherever they are cut', async () => {
  await serve((response) => {
    response.write('{"a":1}\n{"b"');
    setTimeout(() => response.end(':"ö"}\n'), 20);
  });
  const items: object[] = [];
  await expect(follow(items)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(items).toEqual([{ a: 1 }, { b: 'ö' }]);
});

test('a daemon that is killed ends them with an error that says so', async () => {
  await serve((response) => {
    response.write('{"a":1}\n');
    setTimeout(() => response.destroy(), 20);
  });
  await expect(follow()).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringMatching(/no xnet daemon answers/),
  });
}, 5_000);
