import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { describeApi } from '../../../src/admin/openapi.js';
import { everyOperation, type Handlers, OPERATIONS, STREAMS } from '../../../src/admin/operations.js';
import { XnetError } from '../../../src/errors.js';
import { createAdminServer } from '../../../src/server/admin.js';

let directory: string;
let server: Server;
let handlers: Handlers;

async function ask(method: string, path: string): Promise<{ status: number | undefined; body: unknown }> {
  const socketPath = join(directory, 'admin.sock');
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    request({ socketPath, method, path }, resolve).on('error', reject).end();
  });
  return { status: response.statusCode, body: JSON.parse(await text(response)) };
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnet-admin-'));
  const away = () => Promise.reject(new XnetError('STORE_UNAVAILABLE', 'etcd did not answer'));
  handlers = {
    ...everyOperation(away),
    version: async () => ({ version: '1.2.3' }),
    endpoints: async (wanted) => ({ asOf: 'store', items: [], wanted }) as never,
  };
  server = createAdminServer(handlers);
  await new Promise<void>((resolve) => server.listen(join(directory, 'admin.sock'), resolve));
});

afterEach(async () => {
  server.close();
  await rm(directory, { recursive: true });
});

describe('the admin API', () => {
  test('takes parameters from path and query', async () => {
    const { body } = await ask('GET', '/v1/endpoints?network=a%2Fb&host=h1');
    expect(body).toMatchObject({ wanted: { network: 'a/b', host: 'h1' } });
  });

  test.each([
    ['GET', '/v1/endpoints?colour=red', 400, 'INVALID'],
    ['GET', '/v1/endpoints?host=', 400, 'INVALID'],
    ['GET', '/v1/events?since=yesterday', 400, 'INVALID'],
    ['GET', '/v1/events?since=2026-01-31T12:00:00%2B02:00', 503, 'STORE_UNAVAILABLE'],
    ['GET', '/v1/endpoints?host=a&host=b', 400, 'INVALID'],
    ['GET', `/v1/names/${'x'.repeat(600)}`, 400, 'INVALID'],
    ['GET', '/v1/names/%ff', 400, 'INVALID'],
    ['GET', '/v1/nothing', 404, 'NOT_FOUND'],
    ['POST', '/v1/networks', 404, 'NOT_FOUND'],
    ['DELETE', '/v1/networks/shop', 404, 'NOT_FOUND'],
    ['GET', '/v1/networks', 503, 'STORE_UNAVAILABLE'],
  ])('answers %s %s with %i', async (method, path, status, code) => {
    expect(await ask(method, path)).toMatchObject({ status, body: { code, error: expect.any(String) } });
  });

  test('is described by the document that it answers', async () => {
    const { body } = await ask('GET', '/v1/openapi.json');
    expect(body).toEqual(JSON.parse(JSON.stringify(describeApi())));
    const { paths } = body as { paths: Record<string, Record<string, { operationId: string }>> };
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => [operationId, method, path]),
    );
    const served = Object.entries({ ...OPERATIONS, ...STREAMS }).map(([name, { method, path }]) => [
      name,
      method,
      path,
    ]);
    expect(described).toEqual(expect.arrayContaining(served));
    expect(described).toHaveLength(served.length);
  });
});
