import { describe, expect, test } from '@jest/globals';
import { judge } from '../../../src/agent/policies/judge.js';
import { rulesOf } from '../../../src/agent/policies/network-rules.js';
import { policiesFromTraffic } from '../../../src/agent/policies/policies-from-traffic.js';
import { NOTHING, tableElements, tableLines } from '../../../src/dataplane/policy/table-layout.js';
import type { EndpointRecord } from '../../../src/model/endpoint.js';
import type { PolicyDocument } from '../../../src/model/policy/policy.js';

const POLICY: PolicyDocument = {
  policy: 'db-only-from-web',
  to: { app: 'db' },
  allow: [
    { from: { app: 'web' }, ports: ['5432/tcp'] },
    { from: { network: 'monitoring' } },
    { from: { cidr: '10.9.0.0/16' }, ports: ['icmp'] },
  ],
};
const SHOP = { id: '0123456789ab', name: 'shop' };

function endpoint(n: number, labels?: Record<string, string>, hostId = 'h1'): EndpointRecord {
  return {
    version: 1,
    id: `${n}`.repeat(64),
    networkId: SHOP.id,
    dockerNetworkId: 'd',
    hostId,
    addresses: [`10.1.0.${n}`],
    mac: `02:00:00:00:00:0${n}`,
    ...(labels && { labels }),
  };
}

const WEB = endpoint(1, { app: 'web' });
const DB = endpoint(2, { app: 'db', tier: 'back' }, 'h2');
const NEW = endpoint(3, undefined, 'h2');

function rules(policies: readonly PolicyDocument[], network: object = {}) {
  const labelsOf = () => undefined;
  return rulesOf({
    network: { ...SHOP, ...network },
    endpoints: [WEB, DB, NEW],
    policies,
    hostId: 'h1',
    labelsOf,
  });
}

describe('the rules of a network', () => {
  test('are none without a policy of it and isolation', () => {
    expect(rules([])).toBeUndefined();
    expect(rules([{ ...POLICY, network: 'other' }])).toBeUndefined();
  });

  test('have labels as MACs, and one whose labels are not known as selected by nobody knows what', () => {
    const found = rules([POLICY]);
    expect(found?.policies[0]?.allow.map(({ from }) => from)).toEqual([
      [WEB.mac],
      [],
      { cidr: '10.9.0.0/16' },
    ]);
    expect(found?.endpoints).toEqual([
      { mac: WEB.mac, localId: WEB.id, selectedBy: [] },
      { mac: DB.mac, selectedBy: ['db-only-from-web'] },
      { mac: NEW.mac, selectedBy: undefined },
    ]);
    expect(rules([POLICY], { name: 'monitoring' })?.policies[0]?.allow[1]?.from).toBe('all');
  });

  test('take the labels of an own container before they are published', () => {
    const own = { ...NEW, hostId: 'h1' };
    const labelsOf = (id: string) => (id === own.id ? { app: 'db' } : undefined);
    const found = rulesOf({ network: SHOP, endpoints: [own], policies: [POLICY], hostId: 'h1', labelsOf });
    expect(found?.endpoints[0]?.selectedBy).toEqual(['db-only-from-web']);
  });

  test('of an isolated network name its gateways', () => {
    const isolated = { ...SHOP, protection: { isolate: true as const } };
    const gateway = endpoint(4, { 'xnet.gateway': 'true' });
    const endpoints = [gateway, endpoint(5, { 'xnet.gateway': 'yes' }), NEW];
    const found = rulesOf({
      network: isolated,
      endpoints,
      policies: [],
      hostId: 'h1',
      labelsOf: () => undefined,
    });
    expect(found?.gateways).toEqual([gateway.mac]);
  });

  test('become lines that do not grow with the containers', () => {
    const many = Array.from({ length: 500 }, (_, i) => ({
      mac: `02:00:00:00:${i >> 8}:${i & 255}`,
      selectedBy: [],
    }));
    const one = { policies: rules([POLICY])?.policies ?? [], endpoints: many.slice(0, 1) };
    expect(tableLines({ ...one, endpoints: many }, NOTHING)).toEqual(tableLines(one, NOTHING));
    expect(tableElements({ ...one, endpoints: many }).size).toBe(1_001);
  });

  test('let an audit decide nothing where another policy selects', () => {
    const audit = { ...POLICY, policy: 'audit', audit: true };
    const classesOf = (policies: PolicyDocument[]) =>
      tableElements(rules(policies) ?? never()).get(`to ${DB.mac}`);
    const chain = classesOf([POLICY, audit])?.replace('goto ', '');
    const lines = tableLines(rules([POLICY, audit]) ?? never(), NOTHING);
    expect(lines).toContain(`add rule bridge xnet-policy ${chain}.deny drop`);
    expect(lines).not.toContain(`add rule bridge xnet-policy ${chain} jump policy.audit`);
  });
});

describe('what policies say of a connection', () => {
  const web = { name: 'web', labels: { app: 'web' }, addresses: ['10.1.0.1'] };
  const db = { name: 'db', labels: { app: 'db' }, addresses: ['10.1.0.2'] };
  const to = { from: web, to: db, network: SHOP, protocol: 'tcp' as const, port: 5432 };
  const verdict = (given: object, policies = [POLICY]) => judge({ ...to, ...given }, policies).verdict;

  test('is what a rule allows, and else nothing for those that are selected', () => {
    expect(judge(to, [POLICY])).toEqual({ verdict: 'allowed', why: 'policy db-only-from-web, rule 1' });
    expect(verdict({ port: 5433 })).toBe('denied');
    expect(verdict({ protocol: 'udp' })).toBe('denied');
    expect(verdict({ from: { ...web, labels: {} } })).toBe('denied');
    expect(verdict({ to: web, from: db })).toBe('allowed');
    expect(verdict({ network: { ...SHOP, name: 'monitoring' }, port: 1 })).toBe('allowed');
    expect(verdict({ from: { ...web, addresses: ['10.9.0.1'] }, protocol: 'icmp', port: 0 })).toBe('allowed');
    expect(verdict({ to: { ...db, labels: undefined } })).toBe('denied');
    expect(verdict({ port: 1 }, [{ ...POLICY, audit: true }])).toBe('audit');
    expect(verdict({ port: 1 }, [])).toBe('allowed');
  });

  test('is nothing between two of an isolated network that are no gateways', () => {
    const network = { ...SHOP, protection: { isolate: true as const } };
    expect(verdict({ network }, [])).toBe('denied');
    expect(verdict({ network, from: { ...web, labels: { 'xnet.gateway': 'true' } } }, [])).toBe('allowed');
  });
});

test('connections that were seen become a policy for each kind of container that was reached', () => {
  const end = (name: string, app?: string) => ({ name, labels: app === undefined ? {} : { app } });
  const seen = [
    { from: end('web1', 'web'), to: end('db1', 'db'), protocol: 'tcp', port: 5432 },
    { from: end('web2', 'web'), to: end('db1', 'db'), protocol: 'tcp', port: 5432 },
    { from: end('web2', 'web'), to: end('db1', 'db'), protocol: 'udp', port: 53 },
    { from: end('toolbox'), to: end('db1', 'db'), protocol: 'tcp', port: 22 },
  ];
  expect(policiesFromTraffic('shop', seen)).toEqual({
    policies: [
      {
        policy: 'shop-db',
        network: 'shop',
        to: { app: 'db' },
        allow: [{ from: { app: 'web' }, ports: ['53/udp', '5432/tcp'] }],
      },
    ],
    unsaid: ['toolbox -> db1:22/tcp'],
  });
});

function never(): never {
  throw new Error('there are no rules');
}
