import { describe, expect, test } from '@jest/globals';
import type { Status } from '../../../src/admin/status-answer.js';
import { HOSTS } from '../../../src/cli/lists/tables.js';
import { table } from '../../../src/cli/output/output.js';
import { formatStatus } from '../../../src/server/status-text.js';

const ESCAPE = '\u001b[31mred\u001b[0m\r\nPROBLEM   forged';
const LONG = 'n'.repeat(300);

const STATUS: Status = {
  version: '1.0.0',
  host: { id: 'id', name: 'h1', vtep: '192.0.2.1', interface: 'eth0', mtu: 1500 },
  store: { description: 'etcd', answerMs: 1 },
  names: {
    sandboxes: 0,
    answered: 0,
    forwarded: 0,
    dropped: 0,
    failedInstalls: 0,
    unpublished: 0,
    lastFailures: [],
  },
  repairs: {},
  keeper: { pid: 1, deaths: 0 },
  problems: [],
  networks: [],
  peers: [],
};

function network(name: string, ...endpoints: { addresses: string[] }[]): Status['networks'][number] {
  const ids = { id: '0123456789ab', dockerNetworkId: 'd'.repeat(64) };
  const full = endpoints.map((each) => ({ id: 'e'.repeat(64), mac: '02:42:00:00:00:01', ...each }));
  return { ...ids, name, mode: 'overlay', vni: 1, mtu: 1450, subnets: ['10.0.0.0/24'], endpoints: full };
}

describe('the text of xnet status', () => {
  test('says of each peer what is known, in columns that no name breaks', () => {
    const since = '2026-01-01T00:00:00Z';
    const peer = { vtep: '192.0.2.2', alive: false };
    const text = formatStatus({
      ...STATUS,
      peers: [
        { ...peer, name: 'h2', alive: true, state: 'alive' },
        { ...peer, name: LONG, state: 'silent', since },
        { ...peer, name: 'h4', vtep: 'fd00::4', state: 'silent', before: since },
        { ...peer, name: 'h5', state: 'unknown', since },
      ],
    });
    const lines = text.split('\n').filter((line) => / (192\.0\.2\.2|fd00::4) /.test(line));
    expect(lines.map((line) => line.replace(/^ {2}\S+ +\S+ +/, ''))).toEqual([
      'alive',
      `silent since ${since}`,
      `silent since before ${since}`,
      `unknown (store away since ${since})`,
    ]);
    expect(new Set(lines.map((line) => line.search(/192|fd00/))).size).toBe(1);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(120);
  });

  test('shows the addresses of a network’s containers in a column, also with two of them', () => {
    const both = { addresses: ['10.0.0.2', 'fd78:6e65:7400::2'] };
    const text = formatStatus({ ...STATUS, networks: [network(LONG, both, { addresses: ['10.0.0.3'] })] });
    const rows = text.split('\n').filter((line) => line.includes('02:42'));
    expect(new Set(rows.map((line) => line.indexOf('02:42'))).size).toBe(1);
    expect(text).toContain(`  ${'n'.repeat(45)}... (0123456789ab)  vni 1`);
  });

  test('says of a host without a daemon what is known, and no counts of a daemon', () => {
    const id = '0123456789ab';
    const events = [{ at: '2026-01-01T00:00:00.123Z', kind: 'daemon stopped' as const, what: ESCAPE }];
    const withoutDaemon = {
      knownAt: '2026-01-01T00:00:01.456Z',
      unit: 'xnet.service is failed',
      forwarding: [id],
      events,
    };
    const lines = formatStatus({
      ...STATUS,
      store: { description: 'etcd https://h1:2379' },
      ...{ withoutDaemon, peers: [{ name: 'h2', vtep: '192.0.2.2', alive: false, state: 'unknown' }] },
      networks: [network('shop', { addresses: ['10.0.0.2'] }), { ...network('empty'), id: 'ba9876543210' }],
    }).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'daemon    not answering; xnet.service is failed',
        'kernel    forwards 1 of 1 networks with containers here, with or without the daemon',
        expect.stringMatching(/^known .*, as of 2026-01-01T00:00:01Z:/),
        expect.stringMatching(/^store {5}etcd https:\/\/h1:2379: not asked; its certificates/),
        '  h2  192.0.2.2  unknown',
        expect.stringMatching(/^ {2}2026-01-01T00:00:00Z {2}daemon stopped {2}\\u001b/),
      ]),
    );
    expect(lines.filter((line) => /^(names|keeper) /.test(line))).toEqual([]);
  });

  test('escapes what could write on a terminal, or forge a line', () => {
    const networks = [network(ESCAPE)];
    const peers = [{ name: ESCAPE, vtep: '192.0.2.2', alive: true, state: 'alive' as const }];
    const text = formatStatus({ ...STATUS, networks, peers, problems: [ESCAPE] });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there.
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(text.match(/^PROBLEM/gm)).toHaveLength(1);
    const host = { id: 'id', name: ESCAPE, vtep: '192.0.2.2', alive: true, networks: 0, endpoints: 0 };
    expect(table([host], HOSTS).split('\n')).toHaveLength(3);
  });
});
