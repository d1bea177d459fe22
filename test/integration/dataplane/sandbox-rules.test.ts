/** The rules of a sandbox, written over netlink, as the program nft reads them. */
import { expect, test } from '@jest/globals';
import {
  ensureSandboxRules,
  removeSandboxRules,
  repairSandboxRules,
} from '../../../src/dataplane/sandbox/sandbox-rules.js';
import { RulesetGeneration } from '../../../src/native/netfilter/netfilter.js';
import { Netns } from '../../support/kernel/netns.js';

const REDIRECTION = { udpPort: 1053, tcpPort: 40_000, mark: 0x786e6574 };

const RULE_LINES = ['udp dport 53 %', 'tcp dport 53 %'].map((match, i) => {
  const [mark, port] = ['0x786e6574', [REDIRECTION.udpPort, REDIRECTION.tcpPort][i]];
  return `ip daddr 127.0.0.11 ${match.replace(' %', '')} meta mark != ${mark} ct mark set ${mark} dnat to 127.0.0.11:${port}`;
});
const LINES = [
  'table ip xnet {',
  'chain output {',
  'type nat hook output priority -105; policy accept;',
  ...RULE_LINES,
  '}',
  '}',
];

class Sandbox {
  constructor(readonly netns: Netns) {}

  get path(): string {
    return `/run/netns/${this.netns.name}`;
  }

  nft(...words: string[]): Promise<string> {
    return this.netns.exec('nft', ...words);
  }

  async lines(): Promise<string[]> {
    const text = await this.nft('-s', 'list', 'table', 'ip', 'xnet');
    return text.split('\n').flatMap((line) => line.trim() || []);
  }
}

test('nft reads them as it would write them itself', async () => {
  await using netns = await Netns.create('rules');
  const sandbox = new Sandbox(netns);
  await ensureSandboxRules(sandbox.path, REDIRECTION);
  expect(await sandbox.lines()).toEqual(LINES);
  await ensureSandboxRules(sandbox.path, { ...REDIRECTION, udpPort: 1054 });
  expect(await sandbox.lines()).toEqual(LINES.map((line) => line.replace(':1053', ':1054')));
  await removeSandboxRules(sandbox.path);
  expect(await sandbox.nft('list', 'tables')).toBe('');
});

test('rules that are right are left as they are', async () => {
  await using netns = await Netns.create('rules');
  const sandbox = new Sandbox(netns);
  expect(await repairSandboxRules(sandbox.path, REDIRECTION)).toBe('repaired');
  using ruleset = new RulesetGeneration(sandbox.path);
  const generation = ruleset.read();
  expect(await repairSandboxRules(sandbox.path, REDIRECTION)).toBe('right');
  await ensureSandboxRules(sandbox.path, REDIRECTION);
  expect(ruleset.read()).toBe(generation);
});

test.each([
  ['a rule is missing', ['flush chain ip xnet output', `add rule ip xnet output ${RULE_LINES[0]}`]],
  ['the table is missing', ['delete table ip xnet']],
  ['a rule stands before them', ['insert rule ip xnet output accept']],
  ['a rule stands after them', ['add rule ip xnet output accept']],
  [
    'a port is another',
    [
      'flush chain ip xnet output',
      ...LINES.slice(3, 5).map((line) => `add rule ip xnet output ${line.replace('1053', '1055')}`),
    ],
  ],
  ['the table is dormant', ['add table ip xnet { flags dormant; }']],
  ['the policy is another', ['chain ip xnet output { policy drop; }']],
])('where %s, they are put right', async (_, changes) => {
  await using netns = await Netns.create('rules');
  const sandbox = new Sandbox(netns);
  await ensureSandboxRules(sandbox.path, REDIRECTION);
  await sandbox.nft(changes.join('; '));
  expect(await repairSandboxRules(sandbox.path, REDIRECTION)).toBe('repaired');
  expect(await sandbox.lines()).toEqual(LINES);
  expect(await repairSandboxRules(sandbox.path, REDIRECTION)).toBe('right');
});

test('a chain of that name in another hook is refused in the words of nft', async () => {
  await using netns = await Netns.create('rules');
  const sandbox = new Sandbox(netns);
  await sandbox.nft('add table ip xnet; add chain ip xnet output { type filter hook input priority 0; }');
  await expect(ensureSandboxRules(sandbox.path, REDIRECTION)).rejects.toThrow('nft -f -');
});

test('a sandbox that is gone is NOT_FOUND, and has no rules to be removed', async () => {
  const path = '/run/netns/xnet-no-such';
  await expect(ensureSandboxRules(path, REDIRECTION)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await removeSandboxRules(path);
});

test('of a closed container, nothing but our own queries reaches the resolver of Docker', async () => {
  await using netns = await Netns.create('rules');
  const sandbox = new Sandbox(netns);
  const closed = { ...REDIRECTION, secret: 0x1234_5678 };
  await ensureSandboxRules(sandbox.path, closed);
  const lines = await sandbox.lines();
  expect(lines.filter((line) => line.includes('0x12345678'))).toHaveLength(3);
  expect(lines).toContain('ip daddr 127.0.0.11 meta mark != 0x12345678 drop');
  expect(lines).toContain('ip daddr 127.0.0.11 udp dport 1053 accept');
  expect(lines).toContain('ct direction reply accept');
  expect(await repairSandboxRules(sandbox.path, closed)).toBe('right');
  await sandbox.nft('flush', 'chain', 'ip', 'xnet', 'guard');
  expect(await repairSandboxRules(sandbox.path, closed)).toBe('repaired');
  expect(await sandbox.lines()).toEqual(lines);
  await ensureSandboxRules(sandbox.path, REDIRECTION);
  expect(await sandbox.lines()).toEqual(LINES);
});
