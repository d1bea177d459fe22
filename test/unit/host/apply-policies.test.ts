import { describe, expect, test } from '@jest/globals';
import { applyPolicies } from '../../../src/host/answers/policies/apply-policies.js';
import { keys } from '../../../src/model/keys.js';
import { networkRecord } from '../../../src/model/network.js';
import type { PolicyDocument } from '../../../src/model/policy/policy.js';
import { formatRecord } from '../../../src/model/record.js';
import { MemoryStore } from '../../support/store/memory-store.js';

const [SHOP, FAR] = ['aaaa1111bbbb', 'aaaa2222bbbb'];
const POLICY: PolicyDocument = { policy: 'db-only-from-web', to: { app: 'db' }, allow: [] };

function network(id: string, name: string, more: object = {}) {
  const pools = [{ poolKey: 'xnet-local~10.9.0.0/24', subnet: '10.9.0.0/24' }];
  const fixed = { version: 2, vni: 1_048_577, multicast: true, internal: false, pools };
  return {
    put: keys.network(id),
    value: JSON.stringify(networkRecord.parse({ ...fixed, id, name, ...more })),
  };
}

function db(networkId: string) {
  const id = `${networkId}e`;
  const names = { container: 'db', containerId: 'c0ffee', network: 'n', names: ['db'], ports: [] };
  const fixed = { version: 1 as const, dockerNetworkId: 'd', hostId: 'host1', mac: '02:42:0a:09:00:02' };
  const record = { ...fixed, id, networkId, addresses: ['10.9.0.2'], names, labels: { app: 'db' } };
  return { put: keys.endpoint(networkId, id), value: formatRecord(record) };
}

async function cluster() {
  const store = new MemoryStore();
  const routed = { mode: { kind: 'routed' } };
  await store.commit([], [network(SHOP, 'shop'), network(FAR, 'far', routed), db(SHOP), db(FAR)]);
  return store;
}

describe('a policy that is applied', () => {
  test('says for which containers it is not in force, whether it has changed or not', async () => {
    await using store = await cluster();
    const notInForce = [
      { policy: POLICY.policy, container: 'db', network: 'far', host: 'host1', mode: 'routed' },
    ];
    for (const outcome of ['created', 'unchanged'])
      expect(await applyPolicies(store, [POLICY])).toEqual({
        items: [{ policy: POLICY.policy, outcome }],
        notInForce,
        notes: [],
      });
    expect((await applyPolicies(store, [{ ...POLICY, audit: true }])).notInForce).toEqual([]);
    expect((await applyPolicies(store, [{ ...POLICY, network: 'shop' }])).notInForce).toEqual([]);
  });

  test('is applied, also where it cannot be read whom it is not in force for', async () => {
    await using store = await cluster();
    const { list } = store;
    let endpoints = 0;
    store.list = async (prefix, ...more) => {
      if (!prefix.startsWith(keys.endpoints())) return list.call(store, prefix, ...more);
      endpoints += 1;
      throw new Error('etcd is gone');
    };
    expect(await applyPolicies(store, [POLICY])).toEqual({
      items: [{ policy: POLICY.policy, outcome: 'created' }],
      notInForce: [],
      notes: [],
      unread: 'etcd is gone',
    });
    expect(endpoints).toBeGreaterThan(0);
  });

  test('says of which ports it does not cut what is open', async () => {
    await using store = await cluster();
    const ports = ['30000-33000/tcp', '33000/tcp', '8000-8100/udp', 'icmp'];
    const { notes } = await applyPolicies(store, [{ ...POLICY, allow: [{ from: { app: 'web' }, ports }] }]);
    expect(notes).toEqual([expect.stringContaining('at ports of 30000-33000/tcp from 32768 on')]);
  });

  test('is refused with its whole file where it could never be in force', async () => {
    await using store = await cluster();
    for (const name of ['far', FAR]) {
      const applied = applyPolicies(store, [POLICY, { ...POLICY, policy: 'other', network: name }]);
      await expect(applied).rejects.toThrow(
        `policy other is of network "${name}", which is of mode routed: policies are in force in overlays alone`,
      );
    }
    expect((await store.list(keys.policies())).entries).toEqual([]);
    // It may come.
    expect(await applyPolicies(store, [{ ...POLICY, network: 'later' }])).toMatchObject({ notInForce: [] });
  });
});
