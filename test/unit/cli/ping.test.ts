import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createProgram } from '../../../src/cli/program.js';

const none = async () => undefined;
const NETWORK = { id: 'n1', name: 'shop' };
const HOST = { id: 'h1', name: 'h1', state: 'alive' };

function endpoint(name: string) {
  const container = { id: name.repeat(4), name };
  return { id: name, addresses: [], mac: '', names: [name], network: NETWORK, host: HOST, container };
}

/** What `xnet ping db` says where no host, and these containers are. */
async function ping(...containers: string[]): Promise<unknown> {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-cli-'));
  const socket = join(directory, 'admin.sock');
  const server = createServer(({ url }, response) => {
    const isPing = url?.includes('/ping');
    response.writeHead(isPing ? 404 : 200);
    const answer = isPing
      ? { code: 'NOT_FOUND', error: 'no host "db"' }
      : { items: containers.map(endpoint) };
    response.end(JSON.stringify({ asOf: 'store', ...answer }));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    const program = createProgram({ serve: none, refuse: none, writeBundle: async () => '', version: '1' });
    return await program
      .parseAsync(['node', 'xnet', 'ping', 'db', '--admin-socket', socket])
      .catch((error) => error.message);
  } finally {
    server.close();
    await rm(directory, { recursive: true });
  }
}

test.each([
  [['web', 'db'], /"db" is a container, and xnet ping is for hosts; did you mean: xnet trace web db$/],
  [['db'], /did you mean: xnet trace db outside$/],
  [['web'], /^no host "db"$/],
])('where %j are containers', async (containers, said) => {
  expect(await ping(...containers)).toMatch(said);
});
