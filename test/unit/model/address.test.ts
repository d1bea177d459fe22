/** What becomes of an address: every state with every transition. */
import { describe, expect, test } from '@jest/globals';
import {
  type AddressRecord,
  type AddressState,
  addressRecord,
  bound,
  boundUnclaimed,
  CLUSTER,
  claimed,
  endpointHolder,
  isHeldByCluster,
  isTakeable,
  reserved,
  resting,
  shared,
  stateOf,
  unbound,
  withoutHold,
} from '../../../src/model/address.js';
import { formatRecord, parseRecord } from '../../../src/model/record.js';

const ME = { hostId: 'me', hostName: 'h1' };
const OTHER = { hostId: 'other', hostName: 'h2' };
const ENDPOINT = { endpointId: 'e', networkId: 'n' };
const GATEWAY = { purpose: 'gateway', holdId: 'r2' } as const;

const STATES = {
  claimed: claimed(ME, 'c', 'r'),
  bound: { ...claimed(ME, 'c', 'r'), ...ENDPOINT },
  'bound, chosen by Docker': boundUnclaimed(ME, 'c', ENDPOINT),
  reserved: reserved(ME, 'c', ['r']),
  resting: resting(claimed(ME, 'c', 'r', { container: 'web' })),
  gateway: shared(undefined, ME, 'c', { purpose: 'gateway', holdId: 'r' }) as AddressRecord,
  auxiliary: shared(undefined, ME, 'c', { purpose: 'auxiliary', holdId: 'r' }) as AddressRecord,
  'claimed by the cluster': claimed(CLUSTER, 'c', 'r'),
  'bound, of the cluster': { ...claimed(CLUSTER, 'c', 'r'), ...ENDPOINT, hostName: 'h1' },
} satisfies Record<string, AddressRecord>;

const state = (record: AddressRecord | undefined) => (record ? stateOf(record) : 'refused');

interface Row {
  is: AddressState;
  /** By this host, and by another one. */
  bind: string;
  bindByOther: string;
  unbind: string;
  share: string;
  /** Holds left without the first. */
  drop: number;
  holder: string | undefined;
  takeable: boolean;
}

const TABLE: Record<keyof typeof STATES, Row> = {
  claimed: row('claimed', 'bound', 'refused', 'refused', 'refused', 0, 'me', false),
  bound: row('bound', 'refused', 'refused', 'refused', 'refused', 0, 'me', false),
  'bound, chosen by Docker': row('bound', 'refused', 'refused', 'refused', 'refused', 0, 'me', false),
  reserved: row('reserved', 'bound', 'refused', 'refused', 'refused', 0, 'me', true),
  resting: row('resting', 'refused', 'refused', 'refused', 'refused', 0, undefined, true),
  gateway: row('shared', 'refused', 'refused', 'refused', 'shared', 0, undefined, false),
  auxiliary: row('shared', 'refused', 'refused', 'refused', 'refused', 0, undefined, false),
  'claimed by the cluster': row('claimed', 'bound', 'bound', 'refused', 'refused', 0, 'cluster', false),
  'bound, of the cluster': row('bound', 'refused', 'refused', 'claimed', 'refused', 0, 'cluster', false),
};

function row(
  is: AddressState,
  bind: string,
  bindByOther: string,
  unbind: string,
  share: string,
  drop: number,
  holder: string | undefined,
  takeable: boolean,
): Row {
  return { is, bind, bindByOther, unbind, share, drop, holder, takeable };
}

describe('an address', () => {
  test.each(Object.entries(TABLE))('that is %s', (name, expected) => {
    const record: AddressRecord = STATES[name as keyof typeof STATES];
    expect({
      is: stateOf(record),
      bind: state(bound(record, ME, ENDPOINT)),
      bindByOther: state(bound(record, OTHER, ENDPOINT)),
      unbind: state(unbound(record)),
      share: state(shared(record, OTHER, 'c2', GATEWAY)),
      drop: withoutHold(record, 'r').references.length,
      holder: endpointHolder(record),
      takeable: isTakeable(record, 'me'),
    }).toEqual(expected);
    expect(isTakeable(record, 'other')).toBe(expected.is === 'resting');
    expect(stateOf(resting(record))).toBe('resting');
    expect(parseRecord(addressRecord, { key: 'addresses/p/10.0.0.1', value: formatRecord(record) })).toEqual(
      record,
    );
  });

  test('keeps its claim and its holds when an endpoint takes it, and is in reserve no more', () => {
    const taken = bound(STATES.reserved, ME, ENDPOINT);
    expect(taken).toMatchObject({ claim: 'c', references: ['r'], endpointId: 'e', networkId: 'n' });
    expect(taken).not.toHaveProperty('reserve');
  });

  test('of the cluster is named by the host where it is bound, and by the cluster again afterwards', () => {
    const taken = bound(STATES['claimed by the cluster'], ME, ENDPOINT) as AddressRecord;
    expect([taken.hostId, taken.hostName, isHeldByCluster(taken)]).toEqual(['cluster', 'h1', true]);
    expect(unbound(taken)).toEqual(STATES['claimed by the cluster']);
    // The cluster has given it back meanwhile: it rests with its endpoint.
    expect(unbound(withoutHold(taken, 'r'))).toBeUndefined();
  });

  test('is shared by a hold once', () => {
    const twice = shared(STATES.gateway, OTHER, 'c2', GATEWAY) as AddressRecord;
    expect(twice.references).toEqual(['r', 'r2']);
    expect(shared(twice, OTHER, 'c3', GATEWAY)).toBe(twice);
  });

  test('keeps the name of its container while it rests', () => {
    expect(STATES.resting).toMatchObject({ container: 'web', references: [], claim: 'c' });
  });
});
