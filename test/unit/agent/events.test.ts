import { describe, expect, test } from '@jest/globals';
import { differences, type HostState } from '../../../src/agent/events/differences.js';
import type { PairState } from '../../../src/agent/pairs/followed-pair.js';
import type { PathState } from '../../../src/agent/paths/followed-path.js';

function pathThat(verdict: PathState['verdict'], largest = 1450): PathState {
  const fixed = {
    since: new Date(0),
    roundTripMs: 1,
    isAnswered: true,
    needed: 1450,
    peerMtu: largest,
    isIncoming: false,
  };
  return { ...fixed, verdict, largest };
}

function pairBy(way: PairState['way'], why: string): PairState {
  return { way, why, since: new Date() };
}

const NOTHING: HostState = {
  networks: new Map(),
  paths: new Map(),
  pairs: new Map(),
  others: new Map(),
  storeProblem: undefined,
  problems: [],
  repairs: {},
};

describe('what has happened between two states', () => {
  test.each<[string, Partial<HostState>, Partial<HostState>, string[]]>([
    ['nothing', {}, {}, []],
    [
      'a network came',
      {},
      { networks: new Map([['d0123456789abcdef', 'shop']]) },
      ["network created shop (Docker's d0123456789a)"],
    ],
    ['a network went', { networks: new Map([['d1', 'shop']]) }, {}, ["network removed shop (Docker's d1)"]],
    [
      'a path was lost',
      { paths: new Map([['h2', pathThat('passes')]]) },
      { paths: new Map([['h2', pathThat('lost')]]) },
      ['path lost h2'],
    ],
    [
      'a path became narrow',
      { paths: new Map([['h2', pathThat('passes')]]) },
      { paths: new Map([['h2', pathThat('narrow', 1350)]]) },
      ['path narrow h2: packets of 1350 of 1450 bytes pass'],
    ],
    [
      'a path is back',
      { paths: new Map([['h2', pathThat('lost')]]) },
      { paths: new Map([['h2', pathThat('passes')]]) },
      ['path back h2'],
    ],
    ['a path is measured for the first time', {}, { paths: new Map([['h2', pathThat('passes')]]) }, []],
    [
      'packets of routed networks go directly',
      {},
      { pairs: new Map([['h2', pairBy('direct', 'it answers')]]) },
      ['pair direct h2: it answers'],
    ],
    [
      'they go through the tunnel again',
      { pairs: new Map([['h2', pairBy('direct', 'it answers')]]) },
      { pairs: new Map([['h2', pairBy('tunnel', 'no answer to 4 probes')]]) },
      ['pair by tunnel h2: no answer to 4 probes'],
    ],
    ['they go through the tunnel at first', {}, { pairs: new Map([['h2', pairBy('tunnel', 'new')]]) }, []],
    ['a path is measured no more', { paths: new Map([['h2', pathThat('lost')]]) }, {}, []],
    [
      'a host fell silent',
      { others: new Map([['h2', true]]) },
      { others: new Map([['h2', false]]) },
      ['host silent h2'],
    ],
    [
      'a host came back',
      { others: new Map([['h2', false]]) },
      { others: new Map([['h2', true]]) },
      ['host alive h2'],
    ],
    ['a host is new', {}, { others: new Map([['h2', false]]) }, []],
    [
      'nobody is known while the store is away',
      { others: new Map([['h2', true]]) },
      { storeProblem: 'etcd' },
      ['store away etcd'],
    ],
    ['the store answers again', { storeProblem: 'etcd' }, {}, ['store back over: etcd']],
    ['it is away for another reason', { storeProblem: 'etcd' }, { storeProblem: 'none' }, []],
    [
      'repairs',
      { repairs: { veth: 1 } },
      { repairs: { veth: 3, vxlan: 1 } },
      ['repair veth: 2 that others had altered', 'repair vxlan: 1 that others had altered'],
    ],
    ['a problem', { problems: ['a'] }, { problems: ['b'] }, ['problem b', 'problem over a']],
  ])('%s', (_, before, now, expected) => {
    const events = differences({ ...NOTHING, ...before }, { ...NOTHING, ...now });
    expect(events.map(({ kind, what }) => `${kind} ${what}`)).toEqual(expected);
  });
});
