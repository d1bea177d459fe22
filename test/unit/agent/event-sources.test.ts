import { expect, test } from '@jest/globals';
import type { HostState } from '../../../src/agent/events/differences.js';
import { EventSources } from '../../../src/agent/events/event-sources.js';
import type { HostEvent } from '../../../src/observability/event-log.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { muteLogger } from '../../support/loggers.js';
import { MemoryStore } from '../../support/store/memory-store.js';
import { eventually } from '../../support/time/eventually.js';

test('a host that fell silent while the store was away is told of when it is back', async () => {
  await using store = new MemoryStore();
  await using replica = new Replica(store, new RecordReader(muteLogger));
  const noted: string[] = [];
  const events = {
    note: ({ kind, what }: Pick<HostEvent, 'kind' | 'what'>) => void noted.push(`${kind} ${what}`),
  };
  let state: HostState = {
    ...{
      networks: new Map(),
      paths: new Map(),
      pairs: new Map(),
      problems: [],
      repairs: {},
      storeProblem: undefined,
    },
    others: new Map([
      ['h2', true],
      ['h3', true],
    ]),
  };
  const names = { hostId: 'h1', networkName: (id: string) => id, version: '1' };
  await using sources = new EventSources({ events, replica, state: () => state, ...names });
  await sources.start();
  state = { ...state, others: new Map(), storeProblem: 'etcd' };
  sources.hint();
  await eventually(() => expect(noted).toContain('store away etcd'));
  state = {
    ...state,
    others: new Map([
      ['h3', true],
      ['h2', false],
    ]),
    storeProblem: undefined,
  };
  sources.hint();
  await eventually(() => expect(noted).toContain('store back over: etcd'));
  expect(noted).toEqual([
    'daemon started xnet 1',
    'store away etcd',
    'host silent h2',
    'store back over: etcd',
  ]);
});
