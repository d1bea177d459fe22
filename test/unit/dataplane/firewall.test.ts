/** Which rules drop a packet of a trace, read from what nft and iptables print. */
import { describe, expect, test } from '@jest/globals';
import type { PacketAt } from '../../../src/dataplane/firewalls/conditions.js';
import { dropsOf } from '../../../src/dataplane/firewalls/firewall.js';
import { legacyChains, parseIptables } from '../../../src/dataplane/firewalls/iptables-rules.js';
import { parseNft } from '../../../src/dataplane/firewalls/nft-rules.js';
import { parseListeners } from '../../../src/dataplane/inspect/listeners.js';
import { shellWord } from '../../../src/shell-word.js';

const ECHO: PacketAt = {
  ...{ direction: 'in', protocol: 'icmp', source: '10.1.0.2', destination: '10.1.0.3', isAnswer: false },
  interface: 'eth0',
};
const HTTP: PacketAt = { ...ECHO, protocol: 'tcp', port: 80 };
const HTTP_ANSWER: PacketAt = {
  ...HTTP,
  ...{ direction: 'out', source: '10.1.0.3', destination: '10.1.0.2', isAnswer: true },
};

const payload = (protocol: string, field: string) => ({ payload: { protocol, field } });
const match = (left: object, right: unknown, op = '==') => ({ match: { op, left, right } });

/** A chain of the input hook of `inet fw`, with these rules. */
function nft(rules: readonly (readonly object[])[], policy = 'accept', more: readonly object[] = []): string {
  const chain = { family: 'inet', table: 'fw', name: 'in', hook: 'input', policy };
  const listed = rules.map((expr, i) => ({
    rule: { family: 'inet', table: 'fw', chain: 'in', handle: i + 1, expr },
  }));
  return JSON.stringify({ nftables: [{ metainfo: {} }, { chain }, ...listed, ...more] });
}

const DROP = { drop: null };

describe('of nftables', () => {
  const cases: [string, string, PacketAt, (boolean | undefined)[]][] = [
    ['an empty chain drops nothing', nft([]), ECHO, []],
    ['a closed chain drops', nft([], 'drop'), ECHO, [true]],
    ['a rule for all', nft([[DROP]]), ECHO, [true]],
    ['a rule for the source', nft([[match(payload('ip', 'saddr'), '10.1.0.2'), DROP]]), ECHO, [true]],
    ['a rule for another source', nft([[match(payload('ip', 'saddr'), '10.1.0.9'), DROP]]), ECHO, []],
    [
      'a rule for all other sources',
      nft([[match(payload('ip', 'saddr'), { prefix: { addr: '10.1.0.0', len: 24 } }, '!='), DROP]]),
      ECHO,
      [],
    ],
    ['a rule for ICMP', nft([[match({ meta: { key: 'l4proto' } }, 'icmp'), DROP]]), ECHO, [true]],
    ['a rule for ports does not hold for ICMP', nft([[match(payload('tcp', 'dport'), 80), DROP]]), ECHO, []],
    [
      'a rule for the port',
      nft([[match(payload('tcp', 'dport'), { set: [22, { range: [80, 90] }] }), DROP]]),
      HTTP,
      [true],
    ],
    ['a rule for the port of UDP', nft([[match(payload('udp', 'dport'), 80), DROP]]), HTTP, []],
    [
      'a closed chain that accepts the port',
      nft([[match(payload('tcp', 'dport'), 80), { accept: null }]], 'drop'),
      HTTP,
      [],
    ],
    [
      'a closed chain that accepts answers alone',
      nft([[match({ ct: { key: 'state' } }, ['established', 'related'], 'in'), { accept: null }]], 'drop'),
      HTTP,
      [true],
    ],
    [
      'what is not read makes it uncertain',
      nft([[{ xt: { type: 'match', name: 'u32' } }, DROP]]),
      ECHO,
      [false],
    ],
    [
      'behind what may have accepted it, a drop is uncertain',
      nft([[match({ meta: { key: 'skuid' } }, 0), { accept: null }], [DROP]]),
      ECHO,
      [false],
    ],
    [
      'a map of verdicts may have accepted it',
      nft(
        [[{ vmap: { key: { ct: { key: 'state' } }, data: { set: [['new', { accept: null }]] } } }]],
        'drop',
      ),
      HTTP,
      [false],
    ],
    [
      'so may a program behind a queue',
      nft([[match(payload('tcp', 'dport'), 80), { queue: { num: 0 } }]], 'drop'),
      HTTP,
      [false],
    ],
    [
      'a queue of other packets changes nothing',
      nft([[match(payload('tcp', 'dport'), 22), { queue: { num: 0 } }]], 'drop'),
      HTTP,
      [true],
    ],
    [
      'an extension that an older nft does not name',
      nft([[{ xt: null }, { counter: {} }, DROP]]),
      ECHO,
      [false],
    ],
    ['a target that only logs', nft([[{ xt: { type: 'target', name: 'LOG' } }], [DROP]]), ECHO, [true]],
    [
      'interfaces that begin so are accepted',
      nft([[match({ meta: { key: 'iifname' } }, 'eth*'), { accept: null }]], 'drop'),
      ECHO,
      [],
    ],
    [
      'interfaces of a set with a name',
      nft([[match({ meta: { key: 'iifname' } }, '@lan'), { accept: null }]], 'drop'),
      ECHO,
      [false],
    ],
    [
      'the target of iptables-nft',
      nft([[{ counter: {} }, { xt: { type: 'target', name: 'REJECT' } }]]),
      ECHO,
      [true],
    ],
    [
      'a chain that is jumped to',
      nft([[{ jump: { target: 'x' } }], [{ accept: null }]], 'accept', [
        { chain: { family: 'inet', table: 'fw', name: 'x' } },
        { rule: { family: 'inet', table: 'fw', chain: 'x', handle: 9, expr: [DROP] } },
      ]),
      ECHO,
      [true],
    ],
    [
      'a chain that returns',
      nft([[{ jump: { target: 'x' } }], [{ accept: null }]], 'drop', [
        { chain: { family: 'inet', table: 'fw', name: 'x' } },
        { rule: { family: 'inet', table: 'fw', chain: 'x', handle: 8, expr: [{ return: null }] } },
        { rule: { family: 'inet', table: 'fw', chain: 'x', handle: 9, expr: [DROP] } },
      ]),
      ECHO,
      [],
    ],
    ['another hook', nft([[DROP]]), HTTP_ANSWER, []],
  ];
  test.each(cases)('%s', (_, text, packet, certain) => {
    expect(dropsOf(parseNft(text, false), packet).map(({ isCertain }) => isCertain)).toEqual(certain);
  });

  test('the remedy is of that rule', () => {
    expect(dropsOf(parseNft(nft([[DROP]]), false), ECHO)).toEqual([
      {
        rule: 'nft rule 1 in inet fw, chain in',
        isCertain: true,
        remedy: 'nft delete rule inet fw in handle 1',
      },
    ]);
  });
});

test('chains with more ways than can be walked end, uncertain', () => {
  const chains = Array.from({ length: 16 }, (_, depth) => [
    { chain: { family: 'inet', table: 'fw', name: `c${depth}` } },
    ...Array.from({ length: depth < 15 ? 10 : 0 }, (_, i) => {
      const expr = [{ jump: { target: `c${depth + 1}` } }];
      return { rule: { family: 'inet', table: 'fw', chain: `c${depth}`, handle: i, expr } };
    }),
  ]).flat();
  const text = nft([[{ jump: { target: 'c0' } }]], 'drop', chains);
  expect(dropsOf(parseNft(text, false), ECHO).map(({ isCertain }) => isCertain)).toEqual([false]);
});

test('of very many rules that may drop it the first are given', () => {
  const rules = Array.from({ length: 1000 }, () => [match({ meta: { key: 'skuid' } }, 0), DROP]);
  expect(dropsOf(parseNft(nft(rules), false), ECHO)).toHaveLength(20);
});

describe('of iptables', () => {
  const save = (...lines: string[]) =>
    `*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:own - [0:0]\n${lines.join('\n')}\nCOMMIT\n`;
  const cases: [string, string, PacketAt, boolean[]][] = [
    ['no rule', save(), ECHO, []],
    ['a rule for ICMP', save('-A INPUT -p icmp -m icmp --icmp-type 8 -j DROP'), ECHO, [true]],
    ['a rule for echo replies', save('-A INPUT -p icmp -m icmp --icmp-type 0 -j DROP'), ECHO, []],
    [
      'a rule for a subnet',
      save('-A INPUT -s 10.1.0.0/24 -j REJECT --reject-with icmp-port-unreachable'),
      ECHO,
      [true],
    ],
    ['a rule for all but it', save('-A INPUT ! -s 10.1.0.0/24 -j DROP'), ECHO, []],
    ['a rule for ports', save('-A INPUT -p tcp -m multiport --dports 22,79:81 -j DROP'), HTTP, [true]],
    ['a rule for the answer', save('-A OUTPUT -p tcp -m tcp --sport 80 -j DROP'), HTTP_ANSWER, [true]],
    [
      'established connections are accepted',
      save('-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', '-A OUTPUT -j DROP'),
      HTTP_ANSWER,
      [],
    ],
    ['a chain of its own', save('-A INPUT -j own', '-A own -i eth+ -j DROP'), ECHO, [true]],
    ['another interface', save('-A INPUT -i lo -j DROP'), ECHO, []],
    ['what is not read', save('-A INPUT -m u32 --u32 "0>>22=1" -j DROP'), ECHO, [false]],
    ['a queue', save('-A INPUT -p icmp -j NFQUEUE --queue-num 0', '-A INPUT -j DROP'), ECHO, [false]],
    ['a rule without a target', save('-A INPUT -p icmp', '-A INPUT -j DROP'), ECHO, [true]],
    ['a rule that logs', save('-A INPUT -j LOG', '-A INPUT -j DROP'), ECHO, [true]],
    ['a policy', save().replace('INPUT ACCEPT', 'INPUT DROP'), ECHO, [true]],
  ];
  test.each(cases)('%s', (_, text, packet, certain) => {
    const drops = dropsOf(parseIptables('iptables-legacy', text), packet);
    expect(drops.map(({ isCertain }) => isCertain)).toEqual(certain);
  });

  test('rules that are there, and cannot be read without the program, may drop it', () => {
    const certain = (saved: string, tables: string) =>
      dropsOf(legacyChains('iptables-legacy', saved, tables), ECHO).map(({ isCertain }) => isCertain);
    expect(certain('', 'nat\nfilter\n')).toEqual([false]);
    expect(certain('', 'nat\n')).toEqual([]);
    expect(certain('', '')).toEqual([]);
    expect(certain(save('-A INPUT -j DROP'), 'filter\n')).toEqual([true]);
  });

  test('a comment of the container does not become a command', () => {
    const text = save('-A INPUT -p icmp -m comment --comment "$(reboot) \\" it\'s" -j DROP');
    expect(dropsOf(parseIptables('iptables-legacy', text), ECHO)[0]?.remedy).toBe(
      `iptables-legacy -t filter -D INPUT -p icmp -m comment --comment '$(reboot) " it'\\''s' -j DROP`,
    );
    expect(shellWord('eth0')).toBe('eth0');
    expect(shellWord('eth0;reboot')).toBe("'eth0;reboot'");
  });
});

test('listeners are read from /proc/net', () => {
  const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0300010A:C132 0200010A:0050 01 00000000:00000000 00:00000000 00000000     0        0 2
  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 0000000000000000FFFF00000300010A:0051 00000000000000000000000000000000:0000 0A 00000000:00000000
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 967: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3 2 0 0`;
  expect(parseListeners(text)).toEqual([
    { protocol: 'tcp', address: '127.0.0.1', port: 8080 },
    { protocol: 'tcp', address: '::', port: 80 },
    { protocol: 'tcp', address: '10.1.0.3', port: 81 },
    { protocol: 'udp', address: '0.0.0.0', port: 53 },
  ]);
  const ofIpv6 = '   0: 000000FD000000000000000003000000:0050 00000000000000000000000000000000:0000 0A 0';
  expect(parseListeners(ofIpv6)).toEqual([{ protocol: 'tcp', address: 'fd00::3', port: 80 }]);
});
