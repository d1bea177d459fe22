import { expect, test } from '@jest/globals';
import { PolicyGuard } from '../../../src/agent/policies/policy-guard.js';
import type { NetworkRules, PolicyDevice } from '../../../src/dataplane/policy/policies.js';
import type { EndpointRecord, HostEndpoint } from '../../../src/model/endpoint.js';
import { keys } from '../../../src/model/keys.js';
import { type NetworkRecord, networkRecord } from '../../../src/model/network.js';
import type { PolicyDocument } from '../../../src/model/policy/policy.js';
import { RepairLog } from '../../../src/observability/repair-log.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import type { WatchBatch } from '../../../src/store/store.js';
import { muteLogger, silentLogger } from '../../support/loggers.js';
import { MemoryStore } from '../../support/store/memory-store.js';
import { eventually } from '../../support/time/eventually.js';

const [SHOP, OTHER] = ['0123456789ab', '0123456789ac'];
const POLICY: PolicyDocument = { policy: 'db', to: { app: 'db' }, allow: [{ from: { app: 'web' } }] };
const MAC = '02:00:00:00:00:01';

interface Set {
  readonly networkId: string;
  readonly rules: NetworkRules | undefined;
}

/** A guard over a store in memory: what it sets is in `sets`. This host has one endpoint in each of its networks, `db`. */
class Guarded implements AsyncDisposable {
  readonly sets: Set[] = [];
  listed = 0;
  now = 0;
  networks = [SHOP];
  endpoints: (networkId: string) => readonly EndpointRecord[] | undefined = (networkId) => [
    { ...this.#own(networkId), mac: MAC, labels: { app: 'db' }, hostId: 'h1' } as unknown as EndpointRecord,
  ];
  set: (each: Set) => Promise<boolean> = async () => false;
  readonly replica: Replica;
  readonly guard: PolicyGuard;

  constructor(readonly store = new MemoryStore()) {
    this.replica = new Replica(store, new RecordReader(muteLogger));
    const clusterNetworks = this.replica.follow(keys.networks(), networkRecord);
    const device: Partial<PolicyDevice> = {
      onDoubt: () => undefined,
      isInForce: () => true,
      set: async (networkId, rules) => {
        this.sets.push({ networkId, rules });
        return this.set({ networkId, rules });
      },
    };
    this.guard = new PolicyGuard({
      replica: this.replica,
      device: device as PolicyDevice,
      local: {
        listAllEndpoints: () => {
          this.listed += 1;
          return this.networks.map((networkId) => this.#own(networkId));
        },
        findRecord: (id: string) => clusterNetworks.get(keys.network(id))?.record,
        findEndpoint: () => this.#own(SHOP),
      } as never,
      clusterNetworks,
      follower: {
        endpointsOf: (networkId) => this.endpoints(networkId),
        findEndpoint: (networkId, id) => this.endpoints(networkId)?.find((each) => each.id === id),
      },
      labels: { labelsOf: () => undefined, onChange: () => () => true },
      hostId: 'h1',
      repairs: new RepairLog(silentLogger),
      logger: muteLogger,
      now: () => this.now,
    });
  }

  #own(networkId: string) {
    return { id: networkId.padEnd(64, 'e'), networkId } as HostEndpoint['record'];
  }

  async putNetwork(id: string, name?: string): Promise<void> {
    const fixed = { version: 1, vni: 1_048_577, multicast: true, internal: false, pools: [] };
    const record: NetworkRecord = networkRecord.parse({ ...fixed, id, ...(name !== undefined && { name }) });
    await this.replica.commit([], [{ put: keys.network(id), value: JSON.stringify(record) }]);
  }

  async putPolicy(policy: PolicyDocument, more: object = {}): Promise<void> {
    const value = JSON.stringify({ version: 1, ...policy, ...more });
    await this.replica.commit([], [{ put: keys.policy(policy.policy), value }]);
  }

  setsOf(networkId: string): readonly (NetworkRules | undefined)[] {
    return this.sets.filter((each) => each.networkId === networkId).map(({ rules }) => rules);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.guard[Symbol.asyncDispose]();
    await this.replica[Symbol.asyncDispose]();
  }
}

test('a network that no policy is of is looked at once, whatever containers come', async () => {
  await using guarded = new Guarded();
  const { guard } = guarded;
  await guarded.putNetwork(SHOP, 'shop');
  await guard.start();
  await eventually(() => guarded.sets.length === 1);
  // Of the network's name it has learned before or after the first look.
  await new Promise((resolve) => setTimeout(resolve, 200));
  const before = guarded.listed;
  for (let n = 0; n < 20; n++) {
    guard.hint(SHOP);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  expect({ sets: guarded.sets.length, looks: guarded.listed - before }).toEqual({ sets: 1, looks: 0 });
});

test('a policy by the name of a network is in force as soon as the network has got that name', async () => {
  await using guarded = new Guarded();
  await guarded.putNetwork(SHOP);
  await guarded.putPolicy({ ...POLICY, network: 'shop' });
  await guarded.guard.start();
  await eventually(() => guarded.sets.length === 1);
  expect(guarded.setsOf(SHOP)).toEqual([undefined]);
  await guarded.putNetwork(SHOP, 'shop');
  await eventually('rules are set', () => guarded.setsOf(SHOP).at(-1)?.policies.length === 1, 5_000);
});

test('policies that change while those of a network are set, and cannot be, are looked at for all networks', async () => {
  await using guarded = new Guarded();
  guarded.networks = [OTHER, SHOP];
  for (const id of guarded.networks) await guarded.putNetwork(id, id === SHOP ? 'shop' : 'other');
  await guarded.putPolicy(POLICY);
  let release: () => void = () => undefined;
  guarded.set = async ({ networkId }) => {
    if (networkId === OTHER) throw new Error('the kernel refuses');
    if (guarded.setsOf(SHOP).length === 1)
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    return false;
  };
  await guarded.guard.start();
  await eventually(() => guarded.setsOf(SHOP).length === 1);
  await guarded.putPolicy({ ...POLICY, policy: 'more' });
  release();
  await eventually(() => guarded.setsOf(SHOP).at(-1)?.policies.length === 2, 5_000);
  expect(guarded.guard.problems).toEqual([expect.stringMatching(/network other: the kernel refuses$/)]);
});

test('new rules that cannot be set stay a problem when those in force are found to be there', async () => {
  await using guarded = new Guarded();
  const { guard } = guarded;
  await guarded.putNetwork(SHOP, 'shop');
  await guarded.putPolicy(POLICY);
  guarded.set = async ({ rules }) => {
    if (rules && rules.policies.length > 1) throw new Error('the kernel refuses');
    return false;
  };
  await guard.start();
  await eventually(() => guarded.sets.length === 1);
  await guarded.putPolicy({ ...POLICY, policy: 'more' });
  await eventually(() => guard.problems.length === 1);
  await expect(guard.applied(SHOP)).rejects.toThrow('the kernel refuses');
  expect(guard.problems).toEqual([expect.stringMatching(/network shop: the kernel refuses$/)]);
});

test('a policy that cannot be read any more stays in force as it was', async () => {
  await using guarded = new Guarded();
  const { guard } = guarded;
  await guarded.putNetwork(SHOP, 'shop');
  await guarded.putPolicy(POLICY);
  await guard.start();
  await eventually(() => guarded.setsOf(SHOP).at(-1)?.policies.length === 1);
  const [before] = guarded.setsOf(SHOP);
  await guarded.putPolicy(POLICY, { version: 2 });
  await guarded.putPolicy({ ...POLICY, policy: 'more' });
  await eventually(() => guarded.setsOf(SHOP).at(-1)?.policies.length === 2);
  const after = guarded.setsOf(SHOP).at(-1);
  expect(after?.policies[0]).toEqual(before?.policies[0]);
  expect(guard.problems).toEqual([
    expect.stringMatching(/^policy db cannot be read .* stays in force as it was/),
  ]);
  await guarded.putPolicy({ ...POLICY, allow: [] });
  await eventually(() => guarded.setsOf(SHOP).at(-1)?.policies[0]?.allow.length === 0);
  expect(guard.problems).toEqual([]);
});

test.each([
  [{ ...POLICY, network: 'shop' }, {}, ['db'], 'nobody reaches the containers that it selects'],
  [POLICY, { audit: true }, ['db'], 'what it selects is counted'],
  [{ ...POLICY, network: 'elsewhere' }, {}, [], 'nobody reaches the containers that it selects'],
  [{ ...POLICY, to: ['not', 'labels'] as never }, {}, [], 'it is not in force'],
])('of one that could never be read whom it selects counts: %j', async (policy, more, names, said) => {
  await using guarded = new Guarded();
  await guarded.putNetwork(SHOP, 'shop');
  await guarded.putPolicy(policy, { version: 2, ...more, allow: [{ from: { who: ['knows'] } }] });
  await guarded.guard.start();
  await eventually(() => guarded.sets.length === 1);
  const [rules] = guarded.setsOf(SHOP);
  expect(rules?.policies.map(({ name }) => name) ?? []).toEqual(names);
  for (const each of rules?.policies ?? [])
    expect(each).toMatchObject({ allow: [], isAudit: 'audit' in more });
  expect(guarded.guard.problems).toEqual([expect.stringContaining(said)]);
});

/** It does not answer until `answers`; nothing was known of it before. */
class SilentStore extends MemoryStore {
  answers: () => void = () => undefined;
  readonly #answers = new Promise<void>((resolve) => {
    this.answers = resolve;
  });

  override async *watch(prefix: string, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    yield { type: 'snapshot', snapshot: { revision: 0, entries: [], recalled: true } };
    await this.#answers;
    yield* super.watch(prefix, signal);
  }
}

test('no rules are removed before the store has said which policies there are', async () => {
  const store = new SilentStore();
  await using guarded = new Guarded(store);
  await guarded.putNetwork(SHOP, 'shop');
  await guarded.guard.start();
  await eventually(() => guarded.listed > 0);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(guarded.sets).toEqual([]);
  store.answers();
  await eventually(() => guarded.sets.length === 1);
});

test('a network whose endpoints are not known is a problem, when they stay unknown', async () => {
  await using guarded = new Guarded();
  const { guard } = guarded;
  const { endpoints } = guarded;
  guarded.endpoints = () => undefined;
  await guarded.putNetwork(SHOP, 'shop');
  await guarded.putPolicy(POLICY);
  await guard.start();
  await eventually(() => guard.whyNotInForce(SHOP) === 'the endpoints of the network are not known there');
  expect(guard.problems).toEqual([]);
  guarded.now += 60_000;
  expect(guard.problems).toEqual([expect.stringMatching(/in network shop: its endpoints are not known/)]);
  guarded.endpoints = endpoints;
  guard.hint(SHOP);
  await eventually(() => guard.whyNotInForce(SHOP) === undefined);
  expect(guard.problems).toEqual([]);
});
