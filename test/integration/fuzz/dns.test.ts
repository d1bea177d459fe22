/** What containers send to the resolver, and what comes back from the resolvers that it asks. */
import { expect } from '@jest/globals';
import dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { answerQuery } from '../../../src/dns/answers/answer.js';
import { parseQuery, queryOf } from '../../../src/dns/answers/query.js';
import { formatFailure, isDenial, readAddressAnswer } from '../../../src/dns/answers/response.js';
import { HEADER_BYTES } from '../../../src/dns/answers/wire.js';
import { certainly, endpoint, opt, queryFor, zone } from '../../support/dns/dns-packets.js';
import { fuzz } from '../../support/fuzz/fuzz.js';
import { hostileText, spoiltBytes } from '../../support/fuzz/hostile.js';

const shop = zone([
  endpoint('web', { addresses: ['10.1.0.2', 'fd00::2'], ports: [{ port: 80, protocol: 'tcp' }] }),
  endpoint('db', { addresses: ['10.1.0.3'], names: ['pool'] }),
]);
const QUERIES = [
  queryFor('web'),
  queryFor('pool.shop', 'AAAA', { additionals: [opt(1232)] }),
  queryFor('web', 'ANY' as 'A', { additionals: [opt(65_535, 0x8000)] }),
  queryFor('_80._tcp.web', 'SRV'),
  queryFor('2.0.1.10.in-addr.arpa', 'PTR'),
  queryFor('shop', 'AXFR'),
  dnsPacket.encode({ type: 'query', id: 9, questions: [] }),
];
const ANSWERS = [
  dnsPacket.encode({
    type: 'response',
    id: 7,
    flags: 0x8180,
    questions: [{ type: 'A', name: 'web.example' }],
    answers: [
      { type: 'CNAME', name: 'web.example', data: 'cdn.example', ttl: 5 },
      { type: 'A', name: 'cdn.example', data: '192.0.2.1', ttl: 5 },
      { type: 'A', name: 'cdn.example', data: '192.0.2.2', ttl: 5 },
    ],
  }),
  dnsPacket.encode({ type: 'response', id: 7, flags: 0x8183, questions: [{ type: 'A', name: 'x' }] }),
];

fuzz(
  'a query is answered with its own id and question, in a message that another reader understands',
  { runs: 2_000, corpus: 'dns-queries', inputs: [spoiltBytes(QUERIES), fc.constantFrom('udp', 'tcp')] },
  (query, transport) => {
    const answer = answerQuery(query, transport, certainly([shop]), Math.random);
    if (typeof answer === 'string') return;
    expect(answer.length).toBeLessThanOrEqual(transport === 'udp' ? 4096 : 65_535);
    const read = dnsPacket.decode(answer);
    expect(read.id).toBe(query.readUInt16BE(0));
    const asked = parseQuery(query);
    const question = typeof asked === 'string' ? undefined : asked.question;
    expect(answer.indexOf(question ?? '')).toBe(HEADER_BYTES);
    for (const { type } of read.answers ?? []) expect(['A', 'AAAA', 'PTR', 'SRV']).toContain(type);
  },
);

fuzz(
  'of an answer that a resolver gave no more is believed than stands in it',
  { runs: 2_000, corpus: 'dns-answers', inputs: [spoiltBytes(ANSWERS)] },
  (answer) => {
    isDenial(answer);
    for (const address of readAddressAnswer(answer)?.addresses ?? []) expect(address).toHaveLength(4);
    const query = queryOf(answer);
    if (query) expect(typeof parseQuery(query)).not.toBe('number');
    if (answer.length >= HEADER_BYTES) expect(formatFailure(answer).length).toBe(answer.length);
  },
);

fuzz(
  'names of containers, whatever they are, are answered or are not there',
  {
    runs: 500,
    corpus: 'dns-names',
    inputs: [fc.array(hostileText, { minLength: 1, maxLength: 5 }), hostileText],
  },
  (names, network) => {
    const [first = ''] = names;
    const strange = zone(
      [endpoint(first, { addresses: ['10.1.0.9'], names, containerName: first })],
      network,
    );
    for (const query of [
      queryFor('web'),
      queryFor('9.0.1.10.in-addr.arpa', 'PTR'),
      queryFor('_80._tcp.web', 'SRV'),
    ]) {
      const answer = answerQuery(query, 'tcp', certainly([strange, shop]), Math.random);
      if (typeof answer !== 'string') dnsPacket.decode(answer);
    }
  },
);
