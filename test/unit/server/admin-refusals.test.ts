/** What the admin API refuses, for each of its operations: nothing is carried out, and the answer says what is wrong. */
import { mkdtemp, rm } from 'node:fs/promises';
import { request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { everyOperation, type Handlers, OPERATIONS, type Operation } from '../../../src/admin/operations.js';
import { createAdminServer } from '../../../src/server/admin.js';

let directory: string;
let server: Server;
/** How many operations were carried out. */
let carriedOut: number;

/** Sent as it is: a path of `..` stays one. */
function send(method: string, path: string, body?: string): Promise<{ status?: number; text: string }> {
  const socketPath = join(directory, 'admin.sock');
  return new Promise((resolve, reject) => {
    const headers =
      body === undefined ? {} : { 'content-length': body.length, 'content-type': 'application/json' };
    const asked = request({ socketPath, method, path, headers }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, text: answer }), reject);
    });
    asked.on('error', reject).end(body);
  });
}

async function expectRefused(method: string, path: string, statuses: readonly number[], body?: string) {
  const answer = await send(method, path, body);
  const refused = statuses.includes(answer.status ?? 0);
  expect({ method, path, refused }).toEqual({ method, path, refused: true });
  expect(JSON.parse(answer.text)).toEqual({
    code: expect.any(String),
    error: expect.stringMatching(/\w+ /),
  });
  expect(carriedOut).toBe(0);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnet-admin-'));
  const handlers: Handlers = everyOperation(async () => {
    carriedOut += 1;
    return undefined as never;
  });
  const events = async function* (): AsyncGenerator<object[]> {
    yield [{ carriedOut: ++carriedOut }];
  };
  const capture = async function* (): AsyncGenerator<never[]> {
    carriedOut += 1;
    yield [];
  };
  server = createAdminServer(handlers, { events, capture, stopping: new AbortController().signal });
  await new Promise<void>((resolve) => server.listen(join(directory, 'admin.sock'), resolve));
});
afterAll(async () => {
  server.close();
  await rm(directory, { recursive: true });
});
beforeEach(() => {
  carriedOut = 0;
});

const operations = Object.entries<Operation>(OPERATIONS).map(([name, { method, path, parameters }]) => ({
  ...{ name, method: method.toUpperCase(), path: path.replaceAll(/\{\w+\}/g, 'shop') },
  inPath: [...path.matchAll(/\{(\w+)\}/g)].map(([, each]) => `${each}`),
  inQuery: Object.keys(parameters.shape).filter((each) => !path.includes(`{${each}}`)),
  needed: Object.entries(parameters.shape)
    .filter(([each, schema]) => !path.includes(`{${each}}`) && !schema.safeParse(undefined).success)
    .map(([each]) => each),
}));
/** Of a put. */
const BODY = JSON.stringify({ policies: [{ policy: 'a', to: { app: 'db' }, allow: [] }] });

const paths = [...new Set(operations.map(({ path }) => path))];
const methodsOf = (path: string) =>
  operations.filter((each) => each.path === path).map(({ method }) => method);

describe.each(operations)('$name', ({ method, path, inPath, inQuery, needed }) => {
  test('is carried out as it is described', async () => {
    const query = new URLSearchParams(needed.map((name): [string, string] => [name, 'shop']));
    if (method === 'PUT') {
      await send(method, path, BODY);
      expect(carriedOut).toBe(1);
      return;
    }
    await send(method, `${path}?${query}`);
    expect(carriedOut).toBe(1);
    for (const name of needed) {
      const less = new URLSearchParams(query);
      less.delete(name);
      carriedOut = 0;
      await expectRefused(method, `${path}?${less}`, [400]);
    }
  });

  test('takes no other parameter, none twice, none that is empty, and no body', async () => {
    for (const name of ['colour', '__proto__', 'constructor', 'All', ...inPath])
      await expectRefused(method, `${path}?${name}=x`, [400]);
    for (const name of inQuery) {
      await expectRefused(method, `${path}?${name}=true&${name}=true`, [400]);
      await expectRefused(method, `${path}?${name}[a]=true`, [400]);
      await expectRefused(method, `${path}?${name}=`, [400]);
      await expectRefused(method, `${path}?${name}=${'x'.repeat(600)}`, [400]);
    }
    await expectRefused(method, path, [400], '{"force":true}');
  });

  test('is at its own path alone', async () => {
    const others = [`${path}/`, path.toUpperCase(), `${path}/more/of`, path.replace('/v1/', '/v2/')];
    for (const other of [...others, `/${path}`, `${path}%00`])
      await expectRefused(method, other, inPath.length > 0 ? [400, 404] : [404]);
  });
});

test.each(paths)('%s has no other methods', async (path) => {
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'])
    if (!methodsOf(path).includes(method)) {
      const answer = await send(method, path);
      expect([method, answer.status]).toEqual([method, method === 'OPTIONS' ? answer.status : 404]);
      expect(carriedOut).toBe(0);
    }
});

test.each([
  '/v1/networks/%2e%2e%2f%2e%2e%2fetc',
  '/v1/../v1/../etc/passwd',
  '/v1/networks/../../etc/passwd',
  '/../../etc/passwd',
])('%s leads out of nowhere', async (path) => {
  const { status } = await send('GET', path);
  // A name may be any text: it is looked for among networks, and is no path.
  if (status === 200) expect(path).toContain('%2f');
  else expect(status).toBe(404);
});

test.each(['/v1/status.txt', '/v1/events/follow', '/v1/openapi.json'])(
  '%s takes no parameter that is not its own',
  (path) => expectRefused('GET', `${path}?colour=red`, [400]),
);

test('a path and a head that are too long are refused', async () => {
  expect((await send('GET', `/v1/names/${'x'.repeat(20_000)}`)).status).toBe(431);
  expect(carriedOut).toBe(0);
});

test('whatever path comes, an operation has what it is described to take, or nothing is carried out', async () => {
  const word = fc.oneof(fc.string(), fc.constantFrom('v1', 'networks', '..', '%2e', '%', '\u0000', 'status'));
  const query = fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 4 }), query, async (words, pairs) => {
      const path = `/v1/${words.map(encodeURIComponent).join('/')}?${new URLSearchParams(pairs)}`;
      const { status } = await send('GET', path);
      expect([200, 400, 404]).toContain(status);
    }),
    { numRuns: 200 },
  );
});
