import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { UdpServer } from '../../../src/dns/sandbox/udp-server.js';
import { duplicateFrom, openPidfd } from '../../../src/native/processes.js';
import { bind, checked, connect, LINUX, send, socket } from '../../../src/native/socket-libc.js';
import { boundPort as portOf } from '../../../src/native/socket-sandbox.js';
import { eventually } from '../../support/time/eventually.js';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

function localAddress(port: number): Buffer {
  const address = Buffer.alloc(16);
  address.writeUInt16LE(LINUX.AF_INET, 0);
  address.writeUInt16BE(port, 2);
  address.set([127, 0, 0, 1], 4);
  return address;
}

/** On 127.0.0.1; the caller's to close. */
function udpSocket(): number {
  const fd = checked(socket(LINUX.AF_INET, LINUX.SOCK_DGRAM | LINUX.SOCK_NONBLOCK, 0), 'socket');
  checked(bind(fd, localAddress(0), 16), 'bind');
  return fd;
}

function serve(fd: number, take: (query: string) => void): UdpServer {
  const server: UdpServer = new UdpServer(fd, (query, client) => {
    take(query.toString());
    server.reply(query, client);
  });
  open.push(server);
  return server;
}

async function clientOf(port: number) {
  const client = createSocket('udp4');
  open.push(client);
  await new Promise<void>((resolve) => client.connect(port, '127.0.0.1', resolve));
  return client;
}

function duplicate(fd: number): number {
  const pidfd = openPidfd(process.pid);
  try {
    return duplicateFrom(pidfd, fd);
  } finally {
    closeSync(pidfd);
  }
}

/** Of the processor's time, of a moment from now on: 0 when nothing is to do, 1 when the loop never waits. */
async function busyShare(): Promise<number> {
  const [startedAt, before] = [performance.now(), process.cpuUsage()];
  await wait(100);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / (performance.now() - startedAt);
}

/** The loop waits. V8 clearing away the test file before this one is busy too, but that ends; a loop that spins does not. */
async function expectStill(): Promise<void> {
  await eventually(async () => expect(await busyShare()).toBeLessThan(0.1), 3_000);
}

test('a query, an empty one and one of the greatest length are taken once each and answered', async () => {
  const taken: number[] = [];
  const server = serve(udpSocket(), (query) => taken.push(query.length));
  const client = await clientOf(server.port);
  const lengths = [20, 0, 65_507];
  for (const length of lengths) {
    client.send(Buffer.alloc(length, 'x'));
    const [answer] = (await once(client, 'message')) as [Buffer];
    expect(answer).toHaveLength(length);
  }
  await expectStill();
  expect(taken).toEqual(lengths);
});

test('a socket with a long queue does not hold up another', async () => {
  const order: string[] = [];
  const [flooded, quiet] = [udpSocket(), udpSocket()].map((fd) => serve(fd, (query) => order.push(query)));
  const flood = await clientOf(flooded!.port);
  const client = await clientOf(quiet!.port);
  for (let sent = 0; sent < 100; sent++) flood.send('flood');
  client.send('quiet');
  await once(client, 'message');
  expect(order.indexOf('quiet')).toBeLessThanOrEqual(32);
  while (order.length < 101) await wait(1);
});

test('what waits after a close is left to another descriptor of the socket, and costs nothing', async () => {
  const fd = udpSocket();
  const other = duplicate(fd);
  const server = serve(fd, () => undefined);
  server.close();
  const client = await clientOf(server.port);
  client.send('late');
  await expectStill();
  const taken: string[] = [];
  serve(other, (query) => taken.push(query));
  await once(client, 'message');
  expect(taken).toEqual(['late']);
});

test('an error of the socket is taken off, and queries after it are taken', async () => {
  const fd = udpSocket();
  const peer = udpSocket();
  const taken: string[] = [];
  const server = serve(fd, (query) => taken.push(query));
  checked(connect(fd, localAddress(portOf(peer)), 16), 'connect');
  const port = portOf(peer);
  closeSync(peer);
  // Nobody listens there: "connection refused" comes back.
  for (let round = 1; round <= 3; round++) {
    send(fd, Buffer.from('x'), 1, 0);
    await expectStill();
  }
  const client = createSocket('udp4');
  open.push(client);
  await new Promise<void>((resolve) => client.bind(port, '127.0.0.1', resolve));
  client.send('after', server.port, '127.0.0.1');
  await once(client, 'message');
  expect(taken).toEqual(['after']);
});
