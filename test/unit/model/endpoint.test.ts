/** What becomes of an endpoint on its host: every state with every transition. */
import { describe, expect, test } from '@jest/globals';
import {
  created,
  deleting,
  type EndpointRecord,
  type HostEndpoint,
  joined,
  joining,
  left,
  recalled,
} from '../../../src/model/endpoint.js';

const RECORD: EndpointRecord = {
  ...{ version: 1, id: 'e', networkId: 'n', dockerNetworkId: 'd', hostId: 'h' },
  ...{ addresses: ['10.1.0.2'], mac: '02:00:00:00:00:01' },
};

const STATES = {
  created: created(RECORD),
  'created, its join not done or failed': joining(created(RECORD), '/a'),
  joined: joined(joining(created(RECORD), '/a')),
  'joined before the start': recalled(RECORD),
  left: left(joined(joining(created(RECORD), '/a'))),
  'left while it was joined': joined(left(joining(created(RECORD), '/a'))),
} satisfies Record<string, HostEndpoint>;

const show = ({ state, sandboxPath }: HostEndpoint) =>
  sandboxPath === undefined ? state : `${state} ${sandboxPath}`;

/** Of each state: what it is; then as it is joined to sandbox /b, has been joined, left, and is being deleted. */
const TABLE: [keyof typeof STATES, string, string, string, string, string][] = [
  ['created', 'created', 'created /b', 'joined', 'left', 'created'],
  ['created, its join not done or failed', 'created /a', 'created /b', 'joined /a', 'left', 'created'],
  ['joined', 'joined /a', 'joined /b', 'joined /a', 'left', 'joined'],
  ['joined before the start', 'joined', 'joined /b', 'joined', 'left', 'joined'],
  ['left', 'left', 'left /b', 'joined', 'left', 'left'],
  ['left while it was joined', 'joined', 'joined /b', 'joined', 'left', 'joined'],
];

describe('an endpoint', () => {
  test.each(TABLE)('that is %s', (name, ...expected) => {
    const endpoint: HostEndpoint = STATES[name];
    const after = [joining(endpoint, '/b'), joined(endpoint), left(endpoint), deleting(endpoint)];
    expect([endpoint, ...after].map(show)).toEqual(expected);
    for (const each of after) expect(each.record).toBe(RECORD);
  });
});
