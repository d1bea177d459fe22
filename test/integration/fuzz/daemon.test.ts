/** The built daemon, with everything that reaches it over its sockets: it lives, answers, and changes nothing for nonsense. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect } from '@jest/globals';
import fc from 'fast-check';
import { get } from '../../support/daemon/admin-client.js';
import { TestDaemon } from '../../support/daemon/daemon.js';
import { fuzz } from '../../support/fuzz/fuzz.js';
import { hostileText, spoilt, spoiltBytes } from '../../support/fuzz/hostile.js';

interface Recorded {
  readonly method: string;
  readonly body: string;
}

const RECORDED = ['docker-20.10', 'docker-28.5']
  .flatMap((name) => readFileSync(`test/contract/protocol/recorded/${name}.jsonl`, 'utf8').trim().split('\n'))
  .map((line): Recorded => JSON.parse(line));
const METHODS = [...new Set(RECORDED.map(({ method }) => method))];
const BODIES = RECORDED.flatMap(({ body }) => (body.trim() === '' ? [] : [JSON.parse(body) as unknown]));
/** A subnet that is chosen, or refused, is a hold on a pool: these calls change something by right. */
const CHANGING = ['IpamDriver.RequestPool', 'NetworkDriver.CreateNetwork', 'NetworkDriver.AllocateNetwork'];

const KIND = fc.constantFrom(
  'networks',
  'names',
  'hosts',
  'endpoints',
  'pools',
  'version',
  'openapi.json',
  'capture',
);
const ANSWER_MS = 5_000;

describe('a daemon', () => {
  let daemon: TestDaemon;
  let pid: number | undefined;
  beforeAll(async () => {
    daemon = await TestDaemon.start();
    pid = daemon.daemonPid;
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    expect((await daemon.call('Plugin.Activate')).status).toBe(200);
    expect(daemon.daemonPid).toBe(pid);
    expect(daemon.namespaces()).toEqual([]);
  });

  fuzz(
    'answers every call in JSON, whatever is in its body',
    {
      runs: 150,
      corpus: 'calls',
      inputs: [fc.constantFrom(...METHODS.filter((each) => !CHANGING.includes(each))), spoilt(BODIES)],
    },
    async (method, body) => {
      const began = performance.now();
      const { status, json } = await daemon.call(method, JSON.stringify(body));
      expect([200, 400]).toContain(status);
      expect(typeof json).toBe('object');
      if (status === 400) expect(json.Err).toMatch(/./);
      expect(performance.now() - began).toBeLessThan(ANSWER_MS * 4);
    },
  );

  fuzz(
    'answers what is asked of the admin API in JSON, or refuses it with a code',
    {
      runs: 200,
      corpus: 'admin-calls',
      inputs: [KIND, fc.array(hostileText, { maxLength: 2 }), hostileText, hostileText],
    },
    async (kind, parts, name, value) => {
      const query = `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`;
      const path = [kind, ...parts].map((each) => encodeURIComponent(each.toWellFormed())).join('/');
      const raw = `/v1/${path}?${query}`;
      const { status, text } = await get(daemon.adminSocket, raw);
      expect([200, 400, 404, 409]).toContain(status);
      expect(JSON.parse(text)).toBeDefined();
    },
  );

  const HTTP = [
    'POST /Plugin.Activate HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}',
    'POST /NetworkDriver.Leave HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    'GET /v1/status.txt HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n',
    `POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n`,
    `POST /x HTTP/1.1\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
  ].map((text) => Buffer.from(text));

  fuzz(
    'goes on, whatever bytes come to its sockets',
    { runs: 150, corpus: 'socket-bytes', inputs: [fc.boolean(), spoiltBytes(HTTP), fc.nat({ max: 200 })] },
    async (isPlugin, bytes, cut) => {
      const socket = connect(isPlugin ? daemon.socket : daemon.adminSocket);
      socket.on('error', () => undefined);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.resume();
      socket.write(bytes.subarray(0, cut));
      socket.end(bytes.subarray(cut));
      await Promise.race([closed, sleep(20)]);
      socket.destroy();
    },
  );
});
