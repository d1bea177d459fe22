/** The host's name servers, asked for closed containers: real sockets. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import dnsPacket from 'dns-packet';
import { HostServers, parseServers } from '../../../src/dns/sandbox/host-servers.js';
import { queryFor } from '../../support/dns/dns-packets.js';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0)) await each();
});

/** One at the address; `answers` are what it sends for each query. */
async function server(
  address: string,
  port: number,
  answers: (query: dnsPacket.Packet) => (Buffer | undefined)[],
): Promise<number> {
  const socket: Socket = createSocket('udp4');
  undo.push(() => socket.close());
  socket.on('message', (message, { port: to, address: client }) => {
    for (const answer of answers(dnsPacket.decode(message))) if (answer) socket.send(answer, to, client);
  });
  socket.bind(port, address);
  await once(socket, 'listening');
  return socket.address().port;
}

async function servers(port: number, ...addresses: string[]): Promise<HostServers> {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-servers-'));
  undo.push(() => rm(directory, { recursive: true }));
  const resolvConf = join(directory, 'resolv.conf');
  await writeFile(resolvConf, addresses.map((address) => `nameserver ${address}\n`).join(''));
  return new HostServers({ resolvConf, port });
}

const answerTo = ({ id = 0, questions = [] }: dnsPacket.Packet, more: Partial<dnsPacket.Packet> = {}) =>
  dnsPacket.encode({
    ...{ type: 'response', id, questions },
    answers: [{ type: 'A', name: questions[0]?.name ?? '', data: '192.0.2.1' }],
    ...more,
  });

test('takes the answer to its own question alone, and gives it the id of the query', async () => {
  const port = await server('127.0.0.1', 0, (query) => [
    answerTo({ ...query, id: ((query.id ?? 0) + 1) & 0xffff }),
    answerTo(query, { questions: [{ type: 'A', name: 'evil.com' }] }),
    Buffer.of(1, 2, 3),
    answerTo(query),
  ]);
  const answer = await (await servers(port, '127.0.0.1')).ask(
    queryFor('github.com', 'A', { id: 4711 }),
    'udp',
  );
  expect(answer && dnsPacket.decode(answer)).toMatchObject({ id: 4711, questions: [{ name: 'github.com' }] });
});

test('asks the next one where one fails, and is without an answer where none gives one', async () => {
  const failing = (query: dnsPacket.Packet) => [answerTo(query, { flags: 2, answers: [] })];
  const port = await server('127.0.0.1', 0, failing);
  await server('127.0.0.2', port, (query) => [answerTo(query)]);
  const both = await servers(port, '127.0.0.1', '127.0.0.2');
  const answer = await both.ask(queryFor('github.com'), 'udp');
  expect(answer && dnsPacket.decode(answer).answers).toHaveLength(1);
  const one = await (await servers(port, '127.0.0.1')).ask(queryFor('github.com'), 'udp');
  expect(one && one.readUInt16BE(2) & 0xf).toBe(2);
  expect(await (await servers(port)).ask(queryFor('github.com'), 'udp')).toBeUndefined();
  expect(await (await servers(port, '127.0.0.9')).ask(queryFor('github.com'), 'udp')).toBeUndefined();
});

test('asks over TCP what was asked over TCP', async () => {
  const tcp = createServer((client) =>
    client.once('data', (chunk) => {
      const answer = answerTo(dnsPacket.decode(chunk.subarray(2)));
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      client.write(length);
      client.write(answer);
    }),
  ).listen(0, '127.0.0.1');
  undo.push(() => tcp.close());
  await once(tcp, 'listening');
  const { port } = tcp.address() as { port: number };
  const answer = await (await servers(port, '127.0.0.1')).ask(queryFor('github.com'), 'tcp');
  expect(answer && dnsPacket.decode(answer).answers).toHaveLength(1);
});

test('resolv.conf names three servers at most', () => {
  const text =
    '# nameserver 1.1.1.1\nsearch lab\nnameserver 10.0.0.1\n nameserver fe80::1%eth0\nnameserver no\nnameserver ::1\nnameserver 10.0.0.4\n';
  expect(parseServers(text)).toEqual(['10.0.0.1', 'fe80::1%eth0', '::1']);
});
