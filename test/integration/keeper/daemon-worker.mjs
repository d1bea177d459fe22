/**
 * A small daemon for tests: `daemon-worker.mjs SOURCES DIRECTORY OPTIONS`. It answers HTTP on DIRECTORY/plugin.sock
 * and datagrams on OPTIONS.udp sockets of loopback, each with its process id, and writes what happens to it, and
 * each datagram as it is read, into DIRECTORY/events.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { appendFileSync, existsSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [sources, directory, optionText] = process.argv.slice(2);
const options = JSON.parse(optionText);
const load = (file) => import(join(sources, file));
const events = openSync(join(directory, 'events'), 'a');
const say = (event) => appendFileSync(events, `${event} ${process.pid}\n`);
const flag = (name) => existsSync(join(directory, name));

// The keeper's question before an upgrade. `old`: a version that does not know it.
if (process.argv.includes('--check')) {
  say('check');
  while (flag('check-late')) await new Promise((resolve) => setTimeout(resolve, 10));
  if (flag('old')) console.error("error: unknown option '--check'");
  if (flag('wrong')) console.error('xnet: this configuration is wrong:\n  a = 1');
  process.exit(flag('wrong') || flag('old') ? 2 : flag('broken') ? 7 : 0);
}

say('start');
if (flag('wrong')) process.exit(2);
if (flag('broken')) process.exit(7);
while (flag('late')) await new Promise((resolve) => setTimeout(resolve, 10));

const { connectKeeper } = await load('keeper/client/connection.js');
const { NOTHING_HELD } = await load('keeper/client/held-sockets.js');
const { listenHeld, removeSockets } = await load('keeper/client/held-listener.js');
const { bind, LINUX, socket } = await load('native/socket-libc.js');

let end;
const ended = new Promise((resolve) => {
  end = (reason) => {
    say(reason);
    if (!options.stubborn) resolve(reason);
  };
});
process.on('SIGTERM', () => end('stop'));
const connection = await connectKeeper({ onUpgrade: () => end('upgrade'), onKeeperLost: () => end('lost') });
const sockets = connection ?? NOTHING_HELD;
process.on('message', ({ event, keeper }) => {
  if (event === 'keeper') say(`refused:${keeper.refusedUpgrade.reason}`);
});
say(`deaths=${sockets.keeper?.deaths} held=${sockets.list().length}`);

if (flag('garbage')) await sendGarbage();
if (flag('die-holding')) await dieHolding();
if (flag('orphan')) leaveOrphan();
for (const { key } of sockets.list()) if (key.startsWith('race/')) await sockets.release(key);

const server = createServer((request, response) => {
  request.resume();
  // As the daemon does: the keeper uses its connections again.
  if (request.headers['x-xnet-keep'] === undefined) response.setHeader('Connection', 'close');
  request.on('end', () => setTimeout(() => response.end(JSON.stringify({ pid: process.pid })), 5));
});
server.keepAliveTimeout = 0;
const listeners = [
  { server, key: 'plugin', path: join(directory, 'plugin.sock'), behind: join(directory, 'calls.sock') },
];
await listenHeld(listeners, sockets, (error) => say(`not-held:${error.message}`));

const resolvers = await Promise.all(
  Array.from({ length: options.udp ?? 0 }, (_, index) => startResolver(index)),
);
writeFileSync(join(directory, 'ports'), JSON.stringify(resolvers.map((resolver) => resolver.address().port)));
say('ready');
if (flag('crash')) process.exit(9);

const reason = await ended;
if (reason === 'stop') await removeSockets(listeners, sockets);
await new Promise((resolve) => {
  server.close(resolve);
  setInterval(() => server.closeIdleConnections(), 20).unref();
});
for (const resolver of resolvers) resolver.close();
connection?.[Symbol.dispose]();
process.exitCode = options.exitCode ?? 0;

async function startResolver(index) {
  const key = `sandbox/${index}/udp`;
  const taken = sockets.take(key);
  const fd = taken ?? makeDatagramSocket();
  if (taken === undefined) await sockets.hold(key, fd);
  const resolver = createSocket('udp4');
  resolver.on('message', (message, { port, address }) => {
    say(`read=${message}`);
    resolver.send(`${message} ${process.pid}`, port, address);
  });
  await new Promise((resolve) => resolver.bind({ fd, exclusive: true }, resolve));
  return resolver;
}

function makeDatagramSocket() {
  const fd = socket(LINUX.AF_INET, LINUX.SOCK_DGRAM | LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK, 0);
  const address = Buffer.from([
    ...new Uint8Array(new Uint16Array([LINUX.AF_INET]).buffer),
    0,
    0,
    127,
    0,
    0,
    1,
  ]);
  if (bind(fd, Buffer.concat([address, Buffer.alloc(8)]), 16) !== 0) throw new Error('bind failed');
  return fd;
}

/** Says what the keeper must refuse, and writes down its answers. */
async function sendGarbage() {
  const hold = { xnet: 1, id: 1000, op: 'hold', key: 'x', fd: 0 };
  const messages = [
    null,
    'x',
    1,
    [],
    {},
    { xnet: 2, id: 1, op: 'list' },
    { ...hold, id: -1 },
    { ...hold, id: 'x' },
  ];
  const refused = [
    { fd: 99_999 },
    { fd: -1 },
    { fd: 1.5 },
    { fd: '0' },
    { key: '' },
    { key: 'a b' },
    { key: 7 },
  ];
  const requests = [...refused, { key: 'x'.repeat(256) }, { op: 'drop' }, { key: undefined }];
  const answers = [];
  process.on('message', (message) => message.id >= 1000 && answers.push(message));
  for (const message of messages) process.send(message);
  for (const [index, wrong] of requests.entries()) process.send({ ...hold, ...wrong, id: 1000 + index });
  await sockets.hold('good', 1);
  say(`refused=${answers.filter(({ failure }) => failure).length}/${requests.length}`);
  say(await sockets.hold('bad', 99_999).catch((error) => error.message.replaceAll(' ', '_')));
  await sockets.release('absent');
  await sockets.release('good');
}

/** Dies with requests on their way: some done, some read, some not. */
async function dieHolding() {
  unlinkSync(join(directory, 'die-holding'));
  let done = 0;
  for (let count = 0; count < 400; count += 1) {
    const key = `race/${count % 100}`;
    const request = count % 5 === 4 ? sockets.release(key) : sockets.hold(key, 1);
    request.then(() => {
      done += 1;
      if (done === 120) process.kill(process.pid, 'SIGKILL');
    });
  }
  await new Promise(() => undefined);
}

/** A process that outlives this one, ends soon after, and then is its new parent's to wait for. */
function leaveOrphan() {
  unlinkSync(join(directory, 'orphan'));
  spawn('sleep', ['0.3'], { stdio: 'ignore' });
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100);
}
