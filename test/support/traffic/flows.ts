/**
 * Traffic between two containers that runs while something happens: what was lost of it is the network's fault, since
 * sender and receiver of a flow are one process, or wait for each other.
 */
import { expect } from '@jest/globals';
import type { Container } from '../containers/containers.js';
import { eventually } from '../time/eventually.js';

export interface PingResult {
  /** Pings sent before the last one that was answered, it too. */
  readonly sent: number;
  readonly lost: number;
  /** What came before and after each gap: number and time of the answer. */
  readonly gaps: string;
  readonly seconds: number;
}

/**
 * A thousand pings a second, caught up in bursts of at most 50 ms where ping was kept from running. ping sends and
 * receives in one process, so that no more answers wait for it than it has sent: its buffer cannot overflow.
 */
export class FastPing {
  readonly #startedMs = performance.now();

  private constructor(private readonly from: Container) {}

  static async start(from: Container, address: string): Promise<FastPing> {
    const script = 'echo $$ >/tmp/ping.pid; exec ping -D -n -i 0.001 -l 50 "$1" >/tmp/ping.log';
    await from.lab.docker(from.host, 'exec', '-d', from.name, 'sh', '-c', script, 'sh', address);
    const ping = new FastPing(from);
    await ping.#hearsMore();
    return ping;
  }

  /** ping's own count would have that lost which is under way when it is told to end. */
  async stop(): Promise<PingResult> {
    // What was lost at the end shows only when something comes after it.
    await this.#hearsMore();
    const seconds = (performance.now() - this.#startedMs) / 1000;
    await this.from.exec('sh', '-c', 'kill -INT $(cat /tmp/ping.pid)');
    const [sent = 0, answered = 0] = (await this.from.exec('awk', COUNT, '/tmp/ping.log'))
      .split(' ')
      .map(Number);
    const gaps = await this.from.exec('awk', GAPS, '/tmp/ping.log');
    return { sent, lost: sent - answered, gaps, seconds };
  }

  async #hearsMore(): Promise<void> {
    const size = () => this.from.exec('stat', '-c', '%s', '/tmp/ping.log').then(Number);
    const before = await size();
    await eventually(async () => expect(await size()).toBeGreaterThan(before + 8192));
  }
}

/** The number of the last answered ping, and how many were answered. ping counts to 65535 and then from 0 on. */
const COUNT = `
  /bytes from/ && !/DUP/ {
    split($0, parts, "icmp_seq="); number = parts[2] + 0
    if (number < last - 32768) wraps += 1
    last = number; answered += 1
    if (number + wraps * 65536 > highest) highest = number + wraps * 65536
  }
  END { print highest, answered }`;

const GAPS = `
  /bytes from/ {
    split($0, parts, "icmp_seq="); number = parts[2] + 0
    if (NR > 2 && number != (last + 1) % 65536) print last " " before " -> " number " " $1
    last = number; before = $1
  }`;

const STREAM_PORT = 99;

/** One TCP connection through which numbered lines go, some thousand a second. */
export class NumberedStream {
  private constructor(
    private readonly source: Container,
    private readonly sink: Container,
  ) {}

  static async start(source: Container, sink: Container): Promise<NumberedStream> {
    const address = await sink.address();
    await detached(sink, `socat -u TCP-LISTEN:${STREAM_PORT} - >/tmp/stream.in 2>/tmp/stream.error`);
    await sink.exec('sh', '-c', `until ss -Hltn | grep -q :${STREAM_PORT}; do sleep 0.02; done`);
    const lines = `while [ ! -e /tmp/stream.end ]; do
        seq $((from + 1)) $((from += 100)); echo $from >/tmp/stream.sent; sleep 0.02
      done`;
    const send = `socat -u - TCP:${address}:${STREAM_PORT} 2>/tmp/stream.error`;
    await detached(source, `from=0; (${lines}) | ${send}; echo $? >/tmp/stream.done`);
    const stream = new NumberedStream(source, sink);
    await eventually(async () => expect(await stream.#received()).toBeGreaterThan(0));
    return stream;
  }

  /** How many lines went through; throws when the connection broke, or anything is missing or out of order. */
  async stop(): Promise<number> {
    await this.source.exec('touch', '/tmp/stream.end');
    await this.source.exec('sh', '-c', 'until [ -e /tmp/stream.done ]; do sleep 0.02; done');
    await this.sink.exec('sh', '-c', `while pgrep -f '^socat -u TCP-LISTEN' >/dev/null; do sleep 0.02; done`);
    for (const end of [this.source, this.sink]) expect(await end.exec('cat', '/tmp/stream.error')).toBe('');
    expect(await this.source.exec('cat', '/tmp/stream.done')).toBe('0');
    const outOfOrder = await this.sink.exec('awk', '$1 != NR { print NR ": " $0; exit }', '/tmp/stream.in');
    expect(outOfOrder).toBe('');
    const sent = Number(await this.source.exec('cat', '/tmp/stream.sent'));
    expect(await this.#received()).toBe(sent);
    return sent;
  }

  async #received(): Promise<number> {
    return Number(await this.sink.exec('sh', '-c', 'wc -l </tmp/stream.in'));
  }
}

function detached(container: Container, script: string): Promise<string> {
  return container.lab.docker(container.host, 'exec', '-d', container.name, 'sh', '-c', script);
}
