import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import dnsPacket from 'dns-packet';
import { answerQuery } from '../../../src/dns/answers/answer.js';
import { FrameReader, frame } from '../../../src/dns/sandbox/tcp-connection.js';
import { certainly, endpoint, opt, queryFor, zone } from '../../support/dns/dns-packets.js';
import { randomFrom } from '../../support/random.js';

const PACKETS = 100_000;

const shop = zone([
  endpoint('web', { addresses: ['10.1.0.2', 'fd00::2'], ports: [{ port: 80, protocol: 'tcp' }] }),
  endpoint('db', { addresses: ['10.1.0.3'], names: ['pool'] }),
]);
const SEEDS = [
  queryFor('web'),
  queryFor('pool.shop', 'AAAA', { additionals: [opt(1232)] }),
  queryFor('_80._tcp.web', 'SRV'),
  queryFor('2.0.1.10.in-addr.arpa', 'PTR'),
];

function mutated(random: () => number): Buffer {
  const kind = random();
  if (kind < 0.1) return Buffer.from(Array.from({ length: random() * 600 }, () => random() * 256));
  const packet = Buffer.from(SEEDS[Math.floor(random() * SEEDS.length)]!);
  for (let flips = random() * 4; flips > 1; flips--) {
    packet[Math.floor(random() * packet.length)] = Math.floor(random() * 256);
  }
  if (kind < 0.4) return packet.subarray(0, Math.floor(random() * packet.length));
  return kind < 0.6 ? Buffer.concat([packet, packet.subarray(Math.floor(random() * 30))]) : packet;
}

/** What is really in use, in bytes: garbage does not count. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

test(`${PACKETS} random and broken packets are answered, passed on or dropped, in bounded memory`, () => {
  const random = randomFrom(20_260);
  const counts = { answered: 0, forward: 0, drop: 0 };
  const before = heapInUse();
  for (let packet = 0; packet < PACKETS; packet++) {
    const query = mutated(random);
    const answer = answerQuery(query, random() < 0.5 ? 'udp' : 'tcp', certainly([shop]), random);
    if (answer === 'wait') throw new Error('nothing is uncertain here');
    if (typeof answer === 'string') counts[answer]++;
    else {
      counts.answered++;
      expect(answer.subarray(0, 2)).toEqual(query.subarray(0, 2));
      expect(() => dnsPacket.decode(answer)).not.toThrow();
    }
  }
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(PACKETS / 100);
  expect(heapInUse() - before).toBeLessThan(20 * 2 ** 20);
});

test('messages over TCP come out as they went in, however the stream is cut', () => {
  const random = randomFrom(7);
  for (let round = 0; round < 200; round++) {
    const messages = Array.from({ length: 5 }, () => Buffer.alloc(Math.floor(random() * 3000), 'x'));
    const stream = Buffer.concat(messages.map(frame));
    const reader = new FrameReader();
    const read: Buffer[] = [];
    for (let at = 0; at < stream.length; ) {
      const next = at + 1 + Math.floor(random() * 1500);
      read.push(...reader.read(stream.subarray(at, next)));
      at = next;
    }
    expect(read).toEqual(messages);
  }
});
