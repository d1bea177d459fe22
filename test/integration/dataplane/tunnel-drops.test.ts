/** What of the firewalls of others is found to drop the tunnel's packets: of real rules, as the real programs print them. */
import { expect, test } from '@jest/globals';
import { findDrops } from '../../../src/dataplane/firewalls/drops.js';
import { Netns } from '../../support/kernel/netns.js';
import { run } from '../../support/programs/command.js';

const BASE = '{ type filter hook input priority -5; policy accept; }';
const DROP = '-p udp --dport 4789 -j DROP';
const certain = (rule: unknown) => ({ isCertain: true, rule, remedy: expect.any(String) });

test.each<[string, string[], object[]]>([
  [
    "a chain of nft in iptables' table",
    [
      'nft add table ip filter',
      `nft add chain ip filter in ${BASE}`,
      'nft add rule ip filter in udp dport 4789 drop',
    ],
    [certain(expect.stringMatching(/^nft rule \d+ in ip filter, chain in$/))],
  ],
  [
    "a rule of nft with a set in a chain of iptables'",
    ['iptables-nft -P INPUT ACCEPT', 'nft add rule ip filter INPUT udp dport { 53, 4789 } drop'],
    [certain(expect.stringMatching(/^nft rule \d+ in ip filter, chain INPUT$/))],
  ],
  [
    "a rule of iptables' is found once",
    [`iptables-nft -A INPUT ${DROP}`],
    [certain(expect.stringMatching(/^iptables-nft INPUT -p udp .*--dport 4789 -j DROP/))],
  ],
  [
    "so is one of ip6tables'",
    [`ip6tables-nft -A INPUT ${DROP}`],
    [certain(expect.stringMatching(/^ip6tables-nft INPUT/))],
  ],
  [
    "a rule of nft behind one of iptables' that accepts the port is for strangers",
    [
      'iptables-nft -A INPUT -s 192.0.2.0/24 -p udp --dport 4789 -j ACCEPT',
      'nft add rule ip filter INPUT udp dport { 53, 4789 } drop',
    ],
    [],
  ],
  [
    'a chain of nft that drops what no rule accepts',
    [
      'nft add table ip filter',
      'nft add chain ip filter in { type filter hook input priority 0; policy drop; }',
    ],
    [
      {
        isCertain: false,
        rule: expect.stringContaining('chain in of ip filter'),
        remedy: expect.any(String),
      },
    ],
  ],
  [
    "a chain of iptables' that does so is found once",
    ['iptables-nft -P INPUT DROP'],
    [{ isCertain: false, rule: expect.stringContaining('iptables-nft'), remedy: expect.any(String) }],
  ],
])('%s', async (_, commands, drops) => {
  await using netns = await Netns.create('fw');
  for (const command of commands)
    await run(['ip', 'netns', 'exec', netns.name, 'sh', '-c', command.replace(/[{};]/g, '\\$&')]);
  expect(await findDrops(netns.name, { port: 4789, peers: [] })).toEqual(drops);
  // As they are printed, the remedies of what is certain mend it.
  for (const { isCertain, remedy } of await findDrops(netns.name, { port: 4789, peers: [] }))
    if (isCertain) await run(['ip', 'netns', 'exec', netns.name, 'sh', '-c', remedy]);
  expect(
    (await findDrops(netns.name, { port: 4789, peers: [] })).filter(({ isCertain }) => isCertain),
  ).toEqual([]);
});

test('a closed firewall of IPv6 drops nothing of a tunnel by IPv4, and the other way round', async () => {
  await using netns = await Netns.create('fw');
  await run(['ip', 'netns', 'exec', netns.name, 'ip6tables-nft', '-P', 'INPUT', 'DROP']);
  expect(await findDrops(netns.name, { port: 4789, own: '192.0.2.1', peers: [] })).toEqual([]);
  expect(await findDrops(netns.name, { port: 4789, own: '2001:db8::1', peers: [] })).toMatchObject([
    { isCertain: false, rule: expect.stringContaining('ip6tables-nft') },
  ]);
});

test.each<[string, string, object[]]>([
  ['nft', 'nft add rule ip filter in ip saddr 192.0.2.3 udp dport 4789 drop', []],
  ['nft, by a set', 'nft add rule ip filter in ip saddr { 192.0.2.2, 192.0.2.3 } udp dport 4789 drop', []],
  ['iptables-nft', 'iptables-nft -A INPUT -s 192.0.2.3 -p udp --dport 4789 -j DROP', []],
  ['iptables-nft, outward', 'iptables-nft -A OUTPUT -d 192.0.2.3 -p udp --dport 4789 -j DROP', []],
])('a rule for one host is that of its packets alone: %s', async (_, command) => {
  await using netns = await Netns.create('fw');
  const chain = ['nft add table ip filter', `nft add chain ip filter in ${BASE}`];
  for (const each of [...(command.startsWith('nft') ? chain : []), command])
    await run(['ip', 'netns', 'exec', netns.name, 'sh', '-c', each.replace(/[{};]/g, '\\$&')]);
  const drops = (...peers: string[]) => findDrops(netns.name, { port: 4789, own: '192.0.2.1', peers });
  expect(await drops('192.0.2.3')).toMatchObject([{ isCertain: true }]);
  expect(await drops('192.0.2.4')).toEqual([]);
  expect(await drops('192.0.2.3', '192.0.2.4')).toMatchObject([{ isCertain: true, vteps: ['192.0.2.3'] }]);
});
