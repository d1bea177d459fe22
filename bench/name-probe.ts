/**
 * Asks Docker's address for resolvers for names, over and over. A program of its own, which name-client.ts starts in
 * the network namespace of a container: what it asks goes the way of what the container asks.
 */
import { createSocket } from 'node:dgram';

/** What is to be asked: all `names` in turn, one every `everyMs`; without names no more. */
export interface Request {
  readonly names: readonly string[];
  readonly everyMs: number;
}

/** What became of one look-up. */
export interface Lookup {
  readonly name: string;
  /** `failed`: no answer in time, or one that tells of a failure. */
  readonly outcome: 'found' | 'unknown' | 'failed';
  /** When the query left and when the answer came, in ms of the machine's monotonic clock. */
  readonly sentAt: number;
  readonly answeredAt: number;
}

const RESOLVER = { port: 53, address: '127.0.0.11' };
const ANSWER_MS = 1_000;
const RCODE = { ok: 0, noSuchName: 3 };

/** One for all processes of the machine. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function serve(): void {
  let asking: NodeJS.Timeout | undefined;
  process.on('message', ({ names, everyMs }: Request) => {
    clearInterval(asking);
    if (names.length > 0) asking = askEvery(names, everyMs);
  });
  process.on('disconnect', () => process.exit());
}

/** Catches up with what a late timer missed, so that the rate is the one that was asked for. */
function askEvery(names: readonly string[], everyMs: number): NodeJS.Timeout {
  const started = monotonicMs();
  let asked = 0;
  return setInterval(() => {
    for (; monotonicMs() >= started + asked * everyMs; asked += 1) lookUp(names[asked % names.length] ?? '');
  }, 1);
}

/** Each from a socket of its own, as programs do. */
function lookUp(name: string): void {
  const socket = createSocket('udp4');
  let sentAt = monotonicMs();
  const settle = (outcome: Lookup['outcome']) => {
    const answeredAt = monotonicMs();
    clearTimeout(timer);
    socket.close();
    process.send?.({ name, outcome, sentAt, answeredAt } satisfies Lookup);
  };
  const timer = setTimeout(() => settle('failed'), ANSWER_MS);
  socket.once('error', () => settle('failed'));
  socket.once('message', (answer) => settle(outcomeOf(answer)));
  socket.connect(RESOLVER.port, RESOLVER.address, () => {
    sentAt = monotonicMs();
    socket.send(queryFor(name));
  });
}

/** For the IPv4 addresses of `name` (RFC 1035, 4.1). */
function queryFor(name: string): Buffer {
  const header = Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

function outcomeOf(answer: Buffer): Lookup['outcome'] {
  const rcode = answer.readUInt8(3) & 0xf;
  if (rcode === RCODE.ok && answer.readUInt16BE(6) > 0) return 'found';
  return rcode === RCODE.ok || rcode === RCODE.noSuchName ? 'unknown' : 'failed';
}

// Imported, it only lends its types and its clock.
if (process.send) serve();
