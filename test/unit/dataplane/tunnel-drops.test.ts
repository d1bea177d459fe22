import { describe, expect, test } from '@jest/globals';
import { foreignChains, type SavedByFamily } from '../../../src/dataplane/firewalls/foreign-chains.js';
import { parseIptables } from '../../../src/dataplane/firewalls/iptables-rules.js';
import { tunnelDrops } from '../../../src/dataplane/firewalls/tunnel-drops.js';

const OWN = '192.0.2.1';

function nftDrops(text: string, saved: SavedByFamily = {}, others: string[] = [], peers: string[] = []) {
  return tunnelDrops(foreignChains(text, saved, others), { port: 4789, own: OWN, peers });
}

function iptablesDrops(program: string, text: string, peers: string[] = []) {
  return tunnelDrops(parseIptables(program, text), { port: 4789, own: OWN, peers });
}

const DPORT = { payload: { protocol: 'udp', field: 'dport' } };

function ruleset(...rules: object[]): string {
  const chain = { family: 'inet', table: 'fw', name: 'input', handle: 1, hook: 'input', policy: 'drop' };
  const numbered = rules.map((rule, index) => ({
    rule: { family: 'inet', table: 'fw', chain: 'input', handle: index + 2, ...rule },
  }));
  return JSON.stringify({ nftables: [{ metainfo: {} }, { chain }, ...numbered] });
}

function rule(right: unknown, verdict: object = { drop: null }, op = '=='): object {
  return { expr: [{ match: { op, left: DPORT, right } }, verdict] };
}

describe('rules that drop the tunnel’s packets', () => {
  test.each([
    ['the port', rule(4789)],
    ['a set', rule({ set: [53, 4789] })],
    ['a range in a set', rule({ set: [53, { range: [4000, 5000] }] })],
    ['a range', rule({ range: [4789, 4790] })],
    ['a rejection', rule(4789, { reject: {} })],
  ])('nft: %s', (_, each) => {
    expect(nftDrops(ruleset(each))).toEqual([
      {
        rule: 'nft rule 2 in inet fw, chain input',
        isCertain: true,
        remedy: 'nft delete rule inet fw input handle 2',
      },
    ]);
  });

  test.each([
    { match: { op: '==', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: '192.0.2.1' } },
    { match: { op: '!=', left: { meta: { key: 'iifname' } }, right: 'eth0' } },
    { match: { op: '==', left: { payload: { base: 'th', offset: 96, len: 24 } }, right: 4097 } },
  ])('nft: a rule of the port that compares more may be of other packets', (match) => {
    const each = { expr: [match, { match: { op: '==', left: DPORT, right: 4789 } }, { drop: null }] };
    expect(nftDrops(ruleset(each))).toMatchObject([{ isCertain: false }]);
  });

  test.each([
    ['another port', rule(53)],
    ['all but the port', rule(4789, { drop: null }, '!=')],
  ])('nft: %s leaves a chain that drops what no rule accepts', (_, each) => {
    expect(nftDrops(ruleset(each))).toMatchObject([{ isCertain: false }]);
  });

  const OF_STRANGERS = {
    match: { op: '!=', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: '192.0.2.0/24' },
  };
  const DROPPED = { match: { op: '==', left: DPORT, right: 4789 } };

  test.each([
    ['a source', [OF_STRANGERS, DROPPED, { drop: null }]],
    ['a rate', [DROPPED, { limit: { rate: 9, per: 'second', inv: true } }, { drop: null }]],
  ])('nft: a rule that drops by %s too may mean others', (_, expr) => {
    expect(nftDrops(ruleset({ expr }))).toMatchObject([{ isCertain: false }]);
  });

  test('nft: a counter and a protocol leave no packet out', () => {
    const udp = { match: { op: '==', left: { meta: { key: 'l4proto' } }, right: 'udp' } };
    const expr = [udp, DROPPED, { counter: { packets: 0, bytes: 0 } }, { drop: null }];
    expect(nftDrops(ruleset({ expr }))).toMatchObject([{ isCertain: true }]);
  });

  test('behind a rule that accepts the port, one that drops it is for strangers', () => {
    const accepted = { expr: [OF_STRANGERS, DROPPED, { accept: null }] };
    expect(nftDrops(ruleset(accepted, rule(4789)))).toEqual([]);
    expect(nftDrops(ruleset(rule(4789), accepted))).toMatchObject([{ isCertain: true }]);
    const accept = '-A INPUT -s 192.0.2.0/24 -p udp -m udp --dport 4789 -j ACCEPT';
    const drop = '-A INPUT -p udp -m udp --dport 4789 -j DROP';
    expect(iptablesDrops('iptables-nft', `*filter\n${accept}\n${drop}\n`)).toEqual([]);
    expect(iptablesDrops('iptables-nft', `*filter\n${drop}\n${accept}\n`)).toMatchObject([
      { isCertain: true },
    ]);
  });

  test.each([
    '-A INPUT -i eth0 -p udp -m udp --dport 4789 -j DROP',
    '-A INPUT ! -s 192.0.2.0/24 -p udp -m udp --dport 4789 -j DROP',
    '-A INPUT -p udp -m udp --sport 9 --dport 4789 -j DROP',
    '-A INPUT -p udp -m udp --dport 4789 -m limit --limit 9/sec -j DROP',
  ])('iptables: may mean others: %s', (line) => {
    const text = `*filter\n:INPUT ACCEPT [0:0]\n${line}\n`;
    expect(iptablesDrops('iptables-nft', text)).toMatchObject([{ isCertain: false }]);
  });

  test('nft: a rule that accepts the port opens such a chain', () => {
    expect(nftDrops(ruleset(rule(4789, { accept: null })))).toEqual([]);
  });

  test('nft: our own table is left out, and what iptables prints', () => {
    const own = { ...rule(4789), family: 'inet', table: 'xnet' };
    const iptables = { ...rule(4789), family: 'ip', table: 'filter', chain: 'INPUT' };
    const saved = {
      ip: '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -m udp --dport 4789 -j DROP\nCOMMIT\n',
    };
    const input = {
      chain: { family: 'ip', table: 'filter', name: 'INPUT', hook: 'input', policy: 'accept' },
    };
    const text = ruleset(own, iptables, rule(4789, { accept: null })).replace('{"nftables":[', (begin) => {
      return `${begin}${JSON.stringify(input)},`;
    });
    expect(nftDrops(text, saved)).toEqual([]);
    // Where iptables is not there.
    expect(nftDrops(text)).toMatchObject([{ rule: expect.stringContaining('ip filter') }]);
  });

  test.each([
    '-A INPUT -p udp -m udp --dport 4789 -j DROP',
    '-A INPUT -p udp -m udp --dport 4000:5000 -j REJECT --reject-with icmp-port-unreachable',
    '-A PREROUTING -p udp -m multiport --dports 53,4789 -j DROP',
    '-A INPUT -p udp -m udp --dport 4789 -m comment --comment "no tunnels" -j DROP',
  ])('iptables: %s', (line) => {
    const text = `*raw\n:INPUT ACCEPT [0:0]\n${line}\nCOMMIT\n`;
    const remedy = `iptables-legacy -t raw -D ${line.slice(3).replaceAll('"', "'")}`;
    expect(iptablesDrops('iptables-legacy', text)).toMatchObject([{ isCertain: true, remedy }]);
  });

  test('iptables: a comment does not become a command', () => {
    const line = '-A INPUT -p udp -m udp --dport 4789 -m comment --comment "$(reboot) `reboot`" -j DROP';
    expect(iptablesDrops('iptables-nft', `*filter\n${line}\n`)[0]?.remedy).toBe(
      "iptables-nft -t filter -D INPUT -p udp -m udp --dport 4789 -m comment --comment '$(reboot) `reboot`' -j DROP",
    );
  });

  test.each([
    // Docker's, of an encrypted network of swarm: what comes past IPsec.
    '-A INPUT -p udp -m udp --dport 4789 -m u32 --u32 "0x0>>0x16&0x3c@0xc&0xffffff00=0x100100" -j DROP',
    '-A INPUT ! -i eth0 -p udp -m udp --dport 4789 -j DROP',
    '-A INPUT -s 192.0.2.0/24 -p udp -m udp --dport 4789 -j DROP',
  ])('iptables: may be of other packets: %s', (line) => {
    const found = iptablesDrops('iptables-nft', `*filter\n:INPUT ACCEPT [0:0]\n${line}\n`);
    expect(found).toMatchObject([{ isCertain: false }]);
    expect(found[0]?.remedy).toMatch(/# only if what else it compares/);
  });

  test.each([
    '-A INPUT -p udp -m udp --dport 53 -j DROP',
    '-A INPUT -p udp -m udp ! --dport 4789 -j DROP',
    '-A INPUT -p tcp -m tcp --dport 4789 -j DROP',
    '-A INPUT -p udp -m udp --dport 4789 -j ACCEPT',
  ])('iptables: none by %s', (line) => {
    expect(iptablesDrops('iptables-nft', `*filter\n:INPUT ACCEPT [0:0]\n${line}\n`)).toEqual([]);
  });

  test('iptables: a policy that drops what no rule accepts', () => {
    const text = '*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n';
    expect(iptablesDrops('iptables-legacy', text)).toMatchObject([
      { isCertain: false, remedy: 'iptables-legacy -I INPUT -p udp --dport 4789 -j ACCEPT' },
    ]);
  });

  test('nft: the last rule of firewalld rejects what no zone accepts; its own program lets the port in', () => {
    const place = { family: 'inet', table: 'firewalld' };
    const chain = { ...place, name: 'filter_INPUT', handle: 1, hook: 'input', policy: 'accept' };
    const last = { reject: { type: 'icmpx', expr: 'admin-prohibited' } };
    const rules = [{ jump: { target: 'filter_INPUT_ZONES' } }, last].map((expr, index) => ({
      rule: { ...place, chain: 'filter_INPUT', handle: index + 2, expr: [expr] },
    }));
    expect(nftDrops(JSON.stringify({ nftables: [{ chain }, ...rules] }))).toMatchObject([
      {
        isCertain: false,
        remedy: 'firewall-cmd --add-port=4789/udp && firewall-cmd --permanent --add-port=4789/udp',
      },
    ]);
  });

  test('nft: firewalld with the zone of Docker, which accepts all, is as closed', () => {
    const place = { family: 'inet', table: 'firewalld' };
    const chains = ['filter_INPUT', 'filter_INPUT_ZONES', 'filter_IN_docker'].map((name) => ({
      chain: { ...place, name, ...(name === 'filter_INPUT' && { hook: 'input', policy: 'accept' }) },
    }));
    const of = (interfaceName: string) => ({
      match: { op: '==', left: { meta: { key: 'iifname' } }, right: interfaceName },
    });
    const rules = [
      ['filter_INPUT', { jump: { target: 'filter_INPUT_ZONES' } }],
      ['filter_INPUT', { reject: { type: 'icmpx', expr: 'admin-prohibited' } }],
      ['filter_INPUT_ZONES', of('docker0'), { goto: { target: 'filter_IN_docker' } }],
      ['filter_IN_docker', { accept: null }],
    ].map(([chain, ...expr], handle) => ({ rule: { ...place, chain, handle, expr } }));
    expect(nftDrops(JSON.stringify({ nftables: [...chains, ...rules] }))).toMatchObject([
      { isCertain: false, remedy: expect.stringContaining('firewall-cmd --add-port=4789/udp') },
    ]);
  });

  test.each([
    [':INPUT ACCEPT [0:0]\n-A INPUT -j REJECT --reject-with icmp-host-prohibited', /^iptables-nft -I INPUT/],
    [':INPUT DROP [0:0]\n-A INPUT -j DROP', /^iptables-nft -I INPUT/],
    [':INPUT DROP [0:0]\n:ufw-user-input - [0:0]\n-A INPUT -j ufw-before-input', /^ufw allow 4789\/udp$/],
  ])('iptables: closed by %s', (text, remedy) => {
    const found = iptablesDrops('iptables-nft', `*filter\n${text}\nCOMMIT\n`);
    expect(found).toEqual([
      expect.objectContaining({ isCertain: false, remedy: expect.stringMatching(remedy) }),
    ]);
  });

  test.each([
    [
      'ufw, which lets out what is new',
      'ufw-track-output',
      '-A OUTPUT -j ufw-track-output',
      '-p udp -m conntrack --ctstate NEW',
    ],
    ['what goes out', 'OUTPUT', '', ''],
    ['one interface', 'GUESTS', '-A INPUT -i br0 -j GUESTS', ''],
  ])('iptables: a closed chain is not opened by what is accepted of %s', (_, chain, jump, compared) => {
    const rules = [jump, `-A ${chain} ${compared} -j ACCEPT`].filter(Boolean).join('\n');
    const text = `*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:${chain} - [0:0]\n${rules}\nCOMMIT\n`;
    expect(iptablesDrops('iptables-legacy', text, ['192.0.2.2'])).toMatchObject([
      { isCertain: false, rule: expect.stringContaining('drops in INPUT what no rule accepts') },
    ]);
  });

  test('iptables: a closed chain is opened by a rule that all packets come to and that accepts them', () => {
    const jumps = '-A INPUT -p udp -j OTHERS\n-A OTHERS -s 192.0.2.0/24 -j HOSTS\n-A HOSTS -j ACCEPT';
    const text = `*filter\n:INPUT DROP [0:0]\n:OTHERS - [0:0]\n:HOSTS - [0:0]\n${jumps}\nCOMMIT\n`;
    expect(iptablesDrops('iptables-legacy', text, ['192.0.2.2'])).toEqual([]);
    expect(iptablesDrops('iptables-legacy', text, ['198.51.100.2'])).toHaveLength(1);
  });

  test('iptables: ufw that lets the port in', () => {
    const text =
      '*filter\n:INPUT DROP [0:0]\n:ufw-user-input - [0:0]\n-A ufw-user-input -p udp -m udp --dport 4789 -j ACCEPT\n';
    expect(iptablesDrops('iptables-nft', text)).toEqual([]);
  });

  test('what others have named is a word of the remedy, whatever it contains', () => {
    const line = '-A INPUT -p udp -m udp --dport 4789 -m comment --comment "it\'s $(reboot) \\"x\\"" -j DROP';
    expect(iptablesDrops('iptables-nft', `*filter\n${line}\n`)).toMatchObject([
      { remedy: expect.stringContaining(` --comment 'it'\\''s $(reboot) "x"' -j DROP`) },
    ]);
    const named = ruleset({ ...rule(4789), table: 'a;reboot' }).replace('"fw"', '"a;reboot"');
    const closed = JSON.stringify({
      nftables: [{ chain: { family: 'ip', table: 'a;reboot', name: 'b', hook: 'input', policy: 'drop' } }],
    });
    for (const text of [named, closed])
      for (const { remedy } of nftDrops(text)) expect(remedy).toContain(" 'a;reboot' ");
  });

  test('nft: tables of a family that none of the packets pass are left out', () => {
    const text = ruleset(rule(4789)).replaceAll('"inet"', '"ip6"');
    expect(nftDrops(text, {}, ['ip6'])).toEqual([]);
    expect(nftDrops(text, {}, ['ip'])).toHaveLength(1);
  });

  test('rules on what the host forwards are of tunnels of others', () => {
    const forward = '*filter\n:INPUT DROP [0:0]\n-A FORWARD -p udp -m udp --dport 4789 -j DROP\n';
    expect(iptablesDrops('iptables-nft', forward)).toMatchObject([
      { isCertain: false, rule: expect.stringContaining('drops in INPUT') },
    ]);
    const text = ruleset(rule(4789)).replace('"hook":"input"', '"hook":"forward"');
    expect(nftDrops(text)).toEqual([]);
  });

  const from = (right: unknown, op = '==') => ({
    match: { op, left: { payload: { protocol: 'ip', field: 'saddr' } }, right },
  });

  test.each([
    ['the address', from('192.0.2.3'), true],
    ['another address', from('192.0.2.4'), undefined],
    ['a prefix', from({ prefix: { addr: '192.0.2.0', len: 24 } }), true],
    ['all but a prefix', from({ prefix: { addr: '192.0.2.0', len: 24 } }, '!='), undefined],
    ['a set with a range', from({ set: [{ range: ['192.0.2.3', '192.0.2.9'] }] }), true],
    ['a set with a name', from('@strangers'), false],
  ])('nft: a rule of %s is decided, since the other host is known', (_, match, isCertain) => {
    const expr = [match, DROPPED, { drop: null }];
    const drops = nftDrops(
      ruleset({ expr }).replace('"policy":"drop"', '"policy":"accept"'),
      {},
      [],
      ['192.0.2.3'],
    );
    expect(drops.map((drop) => drop.isCertain)).toEqual(isCertain === undefined ? [] : [isCertain]);
  });

  test('a rule for one of several hosts says for which', () => {
    const line = '-A INPUT -s 192.0.2.3/32 -p udp -m udp --dport 4789 -j DROP';
    const text = `*filter\n:INPUT ACCEPT [0:0]\n${line}\n`;
    expect(iptablesDrops('iptables-nft', text, ['192.0.2.2', '192.0.2.3'])).toMatchObject([
      { isCertain: true, vteps: ['192.0.2.3'], remedy: `iptables-nft -t filter -D ${line.slice(3)}` },
    ]);
    expect(iptablesDrops('iptables-nft', text, ['192.0.2.2', '192.0.2.4'])).toEqual([]);
  });

  test('a closed chain that lets in some hosts drops the others', () => {
    const accepts = { expr: [from('192.0.2.2'), DROPPED, { accept: null }] };
    expect(nftDrops(ruleset(accepts), {}, [], ['192.0.2.2'])).toEqual([]);
    expect(nftDrops(ruleset(accepts), {}, [], ['192.0.2.2', '192.0.2.3'])).toMatchObject([
      { isCertain: false, vteps: ['192.0.2.3'] },
    ]);
    const all = { expr: [from({ prefix: { addr: '192.0.2.0', len: 24 } }), { accept: null }] };
    expect(nftDrops(ruleset(all, rule(4789)), {}, [], ['192.0.2.2'])).toEqual([]);
  });

  test('a chain to which only what is forwarded goes is of others', () => {
    const text =
      '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:GUESTS - [0:0]\n-A FORWARD -j GUESTS\n-A GUESTS -p udp -m udp --dport 4789 -j DROP\n';
    expect(iptablesDrops('iptables-nft', text)).toEqual([]);
    expect(iptablesDrops('iptables-nft', text.replace('FORWARD -j', 'INPUT -j'))).toHaveLength(1);
  });
});
