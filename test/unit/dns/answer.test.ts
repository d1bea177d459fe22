import { describe, expect, test } from '@jest/globals';
import dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { answerQuery } from '../../../src/dns/answers/answer.js';
import { NetworkZone } from '../../../src/dns/answers/zone.js';
import {
  answersTo,
  ask,
  certainly,
  endpoint,
  opt,
  queryFor,
  RD,
  UNSHUFFLED,
  zone,
} from '../../support/dns/dns-packets.js';

const shop = zone([
  endpoint('web', {
    addresses: ['10.1.0.2', 'fd00::2'],
    names: ['web', 'www', '0123456789ab', 'web-host'],
    ports: [
      { port: 80, protocol: 'tcp' },
      { port: 53, protocol: 'udp' },
    ],
  }),
  endpoint('db', { addresses: ['10.1.0.3'], names: ['db', 'My_DB.Main', 'bücher'] }),
]);

describe('answers to queries', () => {
  test.each([
    ['web', 'A', ['10.1.0.2']],
    ['WeB', 'A', ['10.1.0.2']],
    ['web.shop', 'A', ['10.1.0.2']],
    ['web.SHOP', 'AAAA', ['fd00::2']],
    ['www', 'AAAA', ['fd00::2']],
    ['0123456789ab', 'A', ['10.1.0.2']],
    ['web-host.shop', 'A', ['10.1.0.2']],
    ['my_db.main', 'A', ['10.1.0.3']],
    ['my_db.main.shop', 'A', ['10.1.0.3']],
    ['bücher', 'A', ['10.1.0.3']],
    ['db', 'AAAA', []],
    ['db', 'MX', []],
    ['db', 'TXT', []],
    ['web', 'ANY' as 'A', ['10.1.0.2', 'fd00::2']],
    ['2.0.1.10.in-addr.arpa', 'PTR', ['web.shop']],
    ['2.0.1.10.IN-ADDR.arpa', 'PTR', ['web.shop']],
    [`2.${'0.'.repeat(27)}0.0.d.f.ip6.arpa`, 'PTR', ['web.shop']],
    ['2.0.1.10.in-addr.arpa', 'A', []],
    ['_80._tcp.web', 'SRV', [{ priority: 0, weight: 0, port: 80, target: 'web.shop' }]],
    ['_53._udp.www.shop', 'SRV', [{ priority: 0, weight: 0, port: 53, target: 'web.shop' }]],
    ['_81._tcp.web', 'SRV', []],
    ['_80._tcp.web', 'A', []],
    ['_80._tcp.nobody', 'SRV', 'forward'],
    ['_http._tcp.web', 'SRV', 'forward'],
    ['_99999._tcp.web', 'SRV', 'forward'],
    ['nobody', 'A', 'forward'],
    ['web.other', 'A', 'forward'],
    ['shop', 'A', 'forward'],
    ['.', 'NS', 'forward'],
    ['9.0.1.10.in-addr.arpa', 'PTR', 'forward'],
    ['02.0.1.10.in-addr.arpa', 'PTR', 'forward'],
    ['example.com', 'A', 'forward'],
    ['constructor', 'A', 'forward'],
  ] as const)('%s %s', (name, type, expected) => {
    // dns-packet has no word for ANY.
    const asked = type === ('ANY' as string) ? 'UNKNOWN_255' : type;
    const query = queryFor(name, asked === 'UNKNOWN_255' ? 'A' : asked);
    if (asked === 'UNKNOWN_255') query.writeUInt16BE(255, query.length - 4);
    const response = ask([shop], query);
    const shown =
      typeof response === 'string'
        ? response
        : response.answers?.map((answer) => ('data' in answer ? answer.data : answer));
    expect(shown).toEqual(expected);
  });

  test('keep id, question (with its case), RD and CD, and say RA and TTL 5', () => {
    const query = queryFor('WwW.shOP', 'A', { id: 54_321, flags: RD | 0x0010 });
    expect(ask([shop], query)).toMatchObject({
      id: 54_321,
      type: 'response',
      rcode: 'NOERROR',
      flag_rd: true,
      flag_ra: true,
      flag_cd: true,
      flag_tc: false,
      flag_aa: false,
      questions: [{ name: 'WwW.shOP', type: 'A', class: 'IN' }],
      answers: [{ name: 'WwW.shOP', type: 'A', ttl: 5, data: '10.1.0.2' }],
      additionals: [],
    });
    expect(ask([shop], queryFor('web', 'A', { flags: 0 }))).toMatchObject({ flag_rd: false, flag_ra: true });
  });

  test('have an OPT record exactly where the query has one', () => {
    const response = ask([shop], queryFor('web', 'A', { additionals: [opt(1400, 0x8000)] }));
    expect(response).toMatchObject({
      answers: [{ data: '10.1.0.2' }],
      additionals: [{ type: 'OPT', udpPayloadSize: 1232, ednsVersion: 0, flag_do: true, options: [] }],
    });
  });

  test('of SRV bring the addresses of the targets along', () => {
    expect(ask([shop], queryFor('_80._tcp.web', 'SRV'))).toMatchObject({
      additionals: [
        { name: 'web.shop', type: 'A', data: '10.1.0.2' },
        { name: 'web.shop', type: 'AAAA', data: 'fd00::2' },
      ],
    });
  });

  test("know names of the container's networks only, and answer from the first that has the name", () => {
    const back = zone([endpoint('web', { addresses: ['10.2.0.9'] })], 'back');
    expect(answersTo([], 'web')).toBe('forward');
    expect(answersTo([shop], 'web.back')).toBe('forward');
    expect(answersTo([shop, back], 'web')).toEqual(['10.1.0.2']);
    expect(answersTo([back, shop], 'web')).toEqual(['10.2.0.9']);
    expect(answersTo([back, shop], 'db')).toEqual(['10.1.0.3']);
    expect(answersTo([shop, back], 'web.back')).toEqual(['10.2.0.9']);
  });

  test('need no network name, no container name, and skip addresses that are none', () => {
    const bare = NetworkZone.build(
      [],
      [endpoint('x', { addresses: ['nonsense', '10.0.0.1/24', '10.0.0.1'], containerName: undefined })],
    );
    const nameless = zone([
      { ...endpoint('y'), names: [], containerName: undefined, addresses: ['10.0.0.2'] },
    ]);
    expect(answersTo([bare], 'x')).toEqual(['10.0.0.1']);
    expect(answersTo([bare], '1.0.0.10.in-addr.arpa', 'PTR')).toEqual(['x']);
    expect(answersTo([nameless], '2.0.0.10.in-addr.arpa', 'PTR')).toBe('forward');
  });

  test('leave out a name in SRV and PTR that DNS cannot carry', () => {
    const long = 'l'.repeat(64);
    const odd = zone([
      endpoint(long, {
        addresses: ['10.0.0.1'],
        names: ['ok', 'a..b', ''],
        ports: [{ port: 1, protocol: 'tcp' }],
      }),
    ]);
    expect(answersTo([odd], 'ok')).toEqual(['10.0.0.1']);
    expect(answersTo([odd], '_1._tcp.ok', 'SRV')).toEqual([]);
    expect(answersTo([odd], '1.0.0.10.in-addr.arpa', 'PTR')).toBe('forward');
  });
});

describe('several endpoints under one name', () => {
  const alias = (count: number, silent: number[] = []) =>
    zone(
      Array.from({ length: count }, (_, index) =>
        endpoint(`c${index}`, {
          addresses: [`10.9.${index >> 8}.${index & 255}`],
          names: ['pool'],
          alive: !silent.includes(index),
          ports: [{ port: 80, protocol: 'tcp' }],
        }),
      ),
    );

  test('take turns at being the first, each about as often', () => {
    const firsts = new Map<string, number>();
    for (let lookup = 0; lookup < 6000; lookup++) {
      const [first] = answersTo([alias(6)], 'pool', 'A', Math.random) as string[];
      firsts.set(first!, (firsts.get(first!) ?? 0) + 1);
    }
    expect(firsts.size).toBe(6);
    for (const count of firsts.values()) expect(Math.abs(count - 1000)).toBeLessThan(200);
  });

  test('are all there that live, and all when none does', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.uniqueArray(fc.nat(19)),
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        (count, silent, draws) => {
          const random = () => draws.next().value as number;
          const found = (answersTo([alias(count, silent)], 'pool', 'A', random) as string[]).map((address) =>
            Number(address.split('.')[3]),
          );
          const all = Array.from({ length: count }, (_, index) => index);
          const live = all.filter((index) => !silent.includes(index));
          expect(found.sort((a, b) => a - b)).toEqual(live.length > 0 ? live : all);
        },
      ),
    );
  });

  test('are in SRV the ones that live, too', () => {
    const targets = (silent: number[]) =>
      (answersTo([alias(3, silent)], '_80._tcp.pool', 'SRV') as { target: string }[]).map(
        ({ target }) => target,
      );
    expect(targets([0])).toEqual(['c1.shop', 'c2.shop']);
    expect(targets([0, 1, 2])).toEqual(['c0.shop', 'c1.shop', 'c2.shop']);
  });

  test.each([
    [undefined, 512],
    [300, 512],
    [1232, 1232],
    [4096, 4096],
    [65_535, 4096],
  ])('with EDNS size %p fill at most %p bytes over UDP and say so; TCP has all', (size, most) => {
    const query = queryFor('pool', 'A', size === undefined ? {} : { additionals: [opt(size)] });
    const udp = answerQuery(query, 'udp', certainly([alias(500)]), UNSHUFFLED) as Buffer;
    expect(udp.length).toBeLessThanOrEqual(most);
    expect(udp.length).toBeGreaterThan(most - 16);
    expect(dnsPacket.decode(udp)).toMatchObject({ flag_tc: true });
    const tcp = dnsPacket.decode(answerQuery(query, 'tcp', certainly([alias(500)]), UNSHUFFLED) as Buffer);
    expect(tcp.flag_tc).toBe(false);
    expect(tcp.answers).toHaveLength(500);
  });

  test.each([
    ['pool', 'A', 512 / 16],
    ['pool', 'AAAA', 0],
    ['pool', 'MX', 0],
    ['_80._tcp.pool', 'SRV', 512 / 20],
    ['_81._tcp.pool', 'SRV', 0],
    ['_80._tcp.pool', 'A', 0],
  ] as const)('cost what the answer holds, however many there are: %s, %s', (name, type, most) => {
    let draws = 0;
    const random = () => {
      draws += 1;
      return Math.random();
    };
    expect(ask([alias(5_000)], queryFor(name, type), 'udp', random)).toMatchObject({ flag_tc: most > 0 });
    // 16 bytes a record and more, of at most 512 bytes.
    expect(draws).toBeLessThanOrEqual(most);
  });

  test('beyond what one TCP message holds are cut there', () => {
    const tcp = answerQuery(queryFor('pool'), 'tcp', certainly([alias(5000)]), UNSHUFFLED) as Buffer;
    expect(tcp.length).toBeLessThanOrEqual(65_535);
    expect(dnsPacket.decode(tcp).flag_tc).toBe(true);
  });
});

describe('queries of another form', () => {
  const plain = queryFor('web');
  const changed = (change: (packet: Buffer) => void) => {
    const packet = Buffer.from(plain);
    change(packet);
    return packet;
  };
  const badVersion = queryFor('web', 'A', { additionals: [opt(1232)] });
  badVersion.writeUInt8(1, badVersion.length - 5);

  test.each([
    ['class CHAOS', changed((packet) => packet.writeUInt16BE(3, packet.length - 2))],
    ['opcode NOTIFY', changed((packet) => packet.writeUInt16BE(4 << 11, 2))],
    ['the TC bit', changed((packet) => packet.writeUInt16BE(0x0200, 2))],
    ['an rcode', changed((packet) => packet.writeUInt16BE(3, 2))],
    [
      'two questions',
      dnsPacket.encode({
        type: 'query',
        questions: [
          { type: 'A', name: 'web' },
          { type: 'A', name: 'db' },
        ],
      }),
    ],
    ['no question', changed((packet) => packet.writeUInt16BE(0, 4)).subarray(0, 12)],
    ['an answer', changed((packet) => packet.writeUInt16BE(1, 6))],
    ['an unknown EDNS version', badVersion],
    ['a question cut short', plain.subarray(0, -3)],
    ['a name cut short', plain.subarray(0, 14)],
    ['a compressed name', Buffer.concat([plain.subarray(0, 12), Buffer.of(0xc0, 12, 0, 1, 0, 1)])],
    [
      'a dot within a label',
      Buffer.concat([plain.subarray(0, 12), Buffer.from('\x08web.shop\0\0\x01\0\x01', 'latin1')]),
    ],
    [
      'a name of 300 bytes',
      Buffer.concat([
        plain.subarray(0, 12),
        Buffer.from(`${`\x3b${'x'.repeat(59)}`.repeat(5)}\0\0\x01\0\x01`, 'latin1'),
      ]),
    ],
  ])('with %s are passed on', (_, packet) => {
    expect(ask([shop], packet)).toBe('forward');
  });

  test('are dropped when they are responses or have no whole header', () => {
    expect(
      ask(
        [shop],
        changed((packet) => packet.writeUInt16BE(0x8000, 2)),
      ),
    ).toBe('drop');
    expect(ask([shop], Buffer.alloc(0))).toBe('drop');
    expect(ask([shop], plain.subarray(0, 11))).toBe('drop');
  });

  test('with trailing bytes are answered all the same', () => {
    expect(ask([shop], Buffer.concat([plain, Buffer.alloc(20)]))).toMatchObject({
      answers: [{ data: '10.1.0.2' }],
    });
  });
});
