/** What the kernel and its programs say: names and rules in it are of whoever has NET_ADMIN in some container. */
import { expect } from '@jest/globals';
import fc from 'fast-check';
import { dropsOf } from '../../../src/dataplane/firewalls/firewall.js';
import { legacyChains } from '../../../src/dataplane/firewalls/iptables-rules.js';
import { parseNft } from '../../../src/dataplane/firewalls/nft-rules.js';
import { savedRemoval, savedWords } from '../../../src/dataplane/firewalls/saved-rules.js';
import {
  endpointNameOf,
  interfaceName,
  namespaceName,
  networkIdOf,
} from '../../../src/dataplane/interface-names.js';
import { parseFailures, withoutNotes } from '../../../src/dataplane/iproute2/iproute2.js';
import { OwnWork } from '../../../src/dataplane/iproute2/own-work.js';
import { addressIn, concernsUnderlay, KernelEvents } from '../../../src/dataplane/kernel/kernel-events.js';
import { LanEvents } from '../../../src/dataplane/lan/lan-events.js';
import { childIdsOf, networkIdIn } from '../../../src/dataplane/lan/names.js';
import { fuzz } from '../../support/fuzz/fuzz.js';
import { hostileText, objectOf, spoilt, spoiltText } from '../../support/fuzz/hostile.js';

const LINES = [
  '[nsid current]2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default \\    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff promiscuity 0',
  '[nsid 3]5: br0: <BROADCAST,UP> mtu 1450 qdisc noqueue master br0 state UP group 1 \\    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\\    alias xnet-0123456789ab',
  '[nsid current]nsid 3 (iproute2 netns name: xnet-0123456789ab)',
  '[nsid current]Deleted nsid 3 (iproute2 netns name: xnet-0123456789ab)',
  '[nsid 3]Deleted 10.1.0.2 dev br0 lladdr 02:00:00:00:00:01 PERMANENT',
  '[nsid 4]2: eth0    inet 10.1.0.2/24 brd 10.1.0.255 scope global eth0\\       valid_lft forever preferred_lft forever',
  '[nsid current]Deleted 2: eth0    inet6 fd00::1/64 scope global deprecated',
  '[nsid 2]Deleted 9: eth1@if7: <BROADCAST> mtu 1500 qdisc noop state DOWN \\ alias xnet:0123456789ab:abcdef012345',
  'netlink receive error No buffer space available (105)',
];
const UNDERLAY = { vtep: '192.0.2.1', interface: 'eth0', mtu: 1500, index: 2, mac: '02:00:00:00:00:01' };

fuzz(
  "a line of the kernel's monitor is a hint at a network, or none",
  { runs: 300, corpus: 'monitor-lines', inputs: [fc.array(spoiltText(LINES), { maxLength: 20 })] },
  (lines) => {
    const events = new KernelEvents();
    const parts = { lans: { networksOn: () => [], networksWith: () => [], hasHostInterface: false } };
    using lans = new LanEvents({ ...parts, ownWork: new OwnWork(), hostPath: undefined, listener: () => {} });
    for (const line of lines) {
      expect(events.take(line) ?? '0'.repeat(12)).toMatch(/^[0-9a-f]{12}$/);
      expect(events.networkOf(line) ?? '0'.repeat(12)).toMatch(/^[0-9a-f]{12}$/);
      expect(typeof concernsUnderlay(line, UNDERLAY as never)).toBe('boolean');
      expect(addressIn(line) ?? '').toMatch(/^[\da-f.:]*$/);
      for (const { networkId } of lans.hintsIn(line)) expect(networkId).toMatch(/^[0-9a-f]{12}$/);
    }
  },
);

fuzz(
  'a name in the kernel is of a network or endpoint only if xnet could have given it',
  {
    runs: 2_000,
    corpus: 'kernel-names',
    inputs: [
      fc.oneof(
        hostileText,
        spoiltText([
          'xnet-0123456789ab',
          'xc0123456789ab',
          'xnet:0123456789ab:0123456789ab',
          'xl0123456789ab',
        ]),
      ),
    ],
  },
  (name) => {
    const network = networkIdOf(name);
    if (network !== undefined) expect(namespaceName(network)).toBe(name);
    const endpoint = endpointNameOf(name);
    if (endpoint !== undefined) expect(interfaceName(endpoint)).toBe(name);
    for (const id of [networkIdIn(name), childIdsOf(name)?.networkId, childIdsOf(name)?.endpointName])
      expect(id ?? '0'.repeat(12)).toMatch(/^[0-9a-f]{12}$/);
    expect(interfaceName(name)).toMatch(/^xc[0-9a-f]{12}$/);
  },
);

const BATCH = [
  'RTNETLINK answers: File exists\nCommand failed -:2\n',
  'Cannot find device "xc0123456789ab"\nCommand failed -:1\nError: argument "x" is wrong\nCommand failed -:3\n',
  'Dump was interrupted and may be inconsistent.\n',
];

fuzz(
  'what iproute2 says of a batch is of its lines',
  { runs: 1_000, corpus: 'batch-words', inputs: [spoiltText(BATCH)] },
  (said) => {
    const lines = ['link a', 'link b', 'link c'];
    for (const { line } of parseFailures(lines, withoutNotes(said))) expect(['', ...lines]).toContain(line);
  },
);

const rule = (expr: unknown[]) => ({ rule: { family: 'inet', table: 't', chain: 'in', handle: 7, expr } });
const RULESETS = [
  {
    nftables: [
      { metainfo: { version: '1.0.6' } },
      { table: { family: 'inet', name: 't', handle: 1 } },
      {
        chain: { family: 'inet', table: 't', name: 'in', handle: 1, hook: 'input', prio: 0, policy: 'drop' },
      },
      { chain: { family: 'inet', table: 't', name: 'more', handle: 2 } },
      rule([
        {
          match: {
            op: '==',
            left: { payload: { protocol: 'udp', field: 'dport' } },
            right: { set: [53, { range: [4000, 5000] }] },
          },
        },
        { counter: { packets: 0, bytes: 0 } },
        { drop: null },
      ]),
      rule([
        { match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established', 'related'] } },
        { accept: null },
      ]),
      rule([
        {
          match: {
            op: '!=',
            left: { meta: { key: 'iifname' } },
            right: { prefix: { addr: '10.0.0.0', len: 8 } },
          },
        },
        { jump: { target: 'more' } },
      ]),
      {
        rule: {
          family: 'inet',
          table: 't',
          chain: 'more',
          handle: 9,
          expr: [{ xt: { type: 'target', name: 'REJECT' } }, { goto: { target: 'in' } }],
        },
      },
    ],
  },
];
const PACKET = { source: '10.1.0.2', destination: '10.1.0.3', protocol: 'udp', port: 53, interface: 'eth0' };

fuzz(
  'rules of nft that are not known in part are read in part, or the whole list is refused',
  { runs: 1_000, corpus: 'nft-rulesets', inputs: [spoilt(RULESETS)] },
  (ruleset) => {
    const chains = readOrRefuse(() => parseNft(JSON.stringify(ruleset), false));
    if (chains) dropsOf(chains, { ...PACKET, hook: 'input' } as never);
  },
);

/** Only what has not the form of such a list is refused (by a ZodError, which names the place). */
function readOrRefuse<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as Error).name !== 'ZodError' && (error as Error).name !== '$ZodError') throw error;
    return undefined;
  }
}

const SAVED = [
  '*filter\n:INPUT DROP [0:0]\n:DOCKER - [0:0]\n-A INPUT -p udp -m udp --dport 4789 -m comment --comment "say \\"hi\\"" -j DROP\n-A INPUT -i eth0 ! -s 10.0.0.0/8 -j DOCKER\n-A DOCKER -g INPUT\nCOMMIT\n',
];

fuzz(
  'rules of iptables, with comments that anybody may have written, make no command but the one that takes them away',
  { runs: 200, corpus: 'iptables-rules', inputs: [spoiltText(SAVED)] },
  (saved) => {
    const chains = legacyChains('iptables-legacy', saved, 'filter\n');
    dropsOf(chains, { ...PACKET, hook: 'input' } as never);
    for (const line of saved.split('\n')) {
      savedWords(line);
      expect(savedRemoval('iptables-legacy', 'filter', line)).toMatch(/^iptables-legacy /);
    }
    expect(objectOf([])).toEqual({});
  },
);
