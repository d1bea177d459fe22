/**
 * Requests that real engines sent (recorded with a plugin that wrote down what it got), replayed against the
 * real server over a real socket: every method is known, every request is read, every answer is what that
 * engine takes for success. Stores and kernel are not involved: the driver behind is a recorder.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { EndpointCreation } from '../../../src/driver/endpoints/endpoints.js';
import type { NetworkCreation } from '../../../src/driver/networks/network-creation.js';
import { listenHeld } from '../../../src/keeper/client/held-listener.js';
import { NOTHING_HELD } from '../../../src/keeper/client/held-sockets.js';
import { createPluginServer } from '../../../src/server/plugin.js';
import { closeServer } from '../../../src/server/rpc.js';
import { post } from '../../support/daemon/plugin-client.js';

interface Recorded {
  readonly method: string;
  readonly contentType: string | null;
  readonly body: string;
}

const engines = ['docker-28.5', 'docker-20.10'];
const silent = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };

function readRecorded(engine: string): Recorded[] {
  const text = readFileSync(`test/contract/protocol/recorded/${engine}.jsonl`, 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Stands where the driver stands and keeps what it is asked. */
class RecordingDriver {
  readonly networksCreated: NetworkCreation[] = [];
  readonly endpointsCreated: EndpointCreation[] = [];

  create = async (creation: NetworkCreation) => {
    this.networksCreated.push(creation);
  };
  delete = async () => {};
  endpoints = {
    create: async (creation: EndpointCreation) => {
      this.endpointsCreated.push(creation);
      return { mac: '02:00:00:00:00:01' };
    },
    join: async () => ({ interfaceName: 'xc0' }),
    complete: async () => {},
    leave: () => {},
    delete: async () => {},
  };
}

describe.each(engines)('the requests of %s', (engine) => {
  const driver = new RecordingDriver();
  let directory: string;
  let socket: string;
  let server: Server;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'xnet-contract-'));
    socket = join(directory, 'xnet.sock');
    const parts = { networks: driver, endpoints: driver.endpoints } as never;
    server = createPluginServer({
      scope: 'local',
      ready: async () => parts,
      gatewayBridge: async () => undefined,
      logger: silent,
    });
    await listenHeld([{ server, key: 'plugin', path: socket }], NOTHING_HELD, () => undefined);
  });
  afterAll(async () => {
    await closeServer(server);
    await rm(directory, { recursive: true });
  });

  test('come without a content type', () => {
    for (const { contentType } of readRecorded(engine)) expect(contentType).toBeNull();
  });

  test('to Plugin and NetworkDriver are all understood and answered with 200 and no error', async () => {
    const calls = readRecorded(engine).filter(({ method }) => !method.startsWith('IpamDriver.'));
    for (const { method, body } of calls) {
      const answer = await post(socket, method, body);
      expect({ method, status: answer.status, error: answer.json.Err }).toEqual({
        method,
        status: 200,
        error: undefined,
      });
    }
  });

  test('carry options, subnets, addresses and the MAC to the driver', () => {
    expect(driver.networksCreated[0]).toMatchObject({
      options: { name: 'shop' },
      internal: false,
      subnets: [{ addressSpace: 'xnet-local', subnet: '10.77.0.0/24' }],
    });
    expect(driver.networksCreated.at(-1)?.internal).toBe(true);
    expect(driver.endpointsCreated[0]).toMatchObject({
      addresses: ['10.77.0.9/24'],
      mac: '02:42:ac:11:00:02',
    });
    expect(driver.endpointsCreated[1]?.mac).toBeUndefined();
  });
});
