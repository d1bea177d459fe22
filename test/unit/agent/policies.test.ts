import { describe, expect, test } from '@jest/globals';
import { findVerdict, judge } from '../../../src/agent/policies/judge.js';
import { LabelMeanings } from '../../../src/agent/policies/label-meanings.js';
import { FollowedRules, rulesOf } from '../../../src/agent/policies/network-rules.js';
import { policiesFromTraffic } from '../../../src/agent/policies/policies-from-traffic.js';
import type { NetworkRules } from '../../../src/dataplane/policy/policies.js';
import { NOTHING, tableElements, tableLines } from '../../../src/dataplane/policy/table-layout.js';
import type { EndpointRecord } from '../../../src/model/endpoint.js';
import { type PolicyDocument, policyDocument } from '../../../src/model/policy/policy.js';

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
      new Set([WEB.mac]),
      new Set(),
      { cidr: '10.9.0.0/16' },
    ]);
    expect([...(found?.endpoints ?? [])]).toEqual([
      [WEB.mac, { localId: WEB.id, selectedBy: [] }],
      [DB.mac, { selectedBy: ['db-only-from-web'] }],
      [NEW.mac, { selectedBy: undefined }],
    ]);
    expect(rules([POLICY], { name: 'monitoring' })?.policies[0]?.allow[1]?.from).toBe('all');
  });

  test('take the labels of an own container before they are published', () => {
    const own = { ...NEW, hostId: 'h1' };
    const labelsOf = (id: string) => (id === own.id ? { app: 'db' } : undefined);
    const found = rulesOf({ network: SHOP, endpoints: [own], policies: [POLICY], hostId: 'h1', labelsOf });
    expect(found?.endpoints.get(own.mac)?.selectedBy).toEqual(['db-only-from-web']);
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
    expect(found?.gateways).toEqual(new Set([gateway.mac]));
  });

  test('are the same by changes as made anew, and containers share what selects them', () => {
    const meanings = new LabelMeanings([POLICY]);
    const ruled = { network: SHOP, hostId: 'h1', labelsOf: () => undefined };
    const all = [WEB, DB, endpoint(4, { app: 'db' }), NEW];
    const rules = FollowedRules.of(ruled, meanings, all) ?? never();
    const expectSame = (endpoints: EndpointRecord[]) => {
      const anew = rulesOf({ ...ruled, endpoints, policies: [POLICY] }) ?? never();
      const sorted = (found: NetworkRules) => [...tableElements(found)].sort();
      expect(sorted(rules)).toEqual(sorted(anew));
      expect(new Map(rules.endpoints)).toEqual(new Map(anew.endpoints));
    };
    expectSame(all);
    expect(rules.endpoints.get(DB.mac)?.selectedBy).toBe(rules.endpoints.get(all[2]!.mac)?.selectedBy);
    expect(meanings.of(DB.labels ?? {})).toBe(meanings.of(DB.labels ?? {}));
    const known = { ...NEW, labels: { app: 'web' } };
    expect([...rules.change([[NEW.id, known]])]).toEqual([NEW.mac]);
    expectSame([WEB, DB, all[2]!, known]);
    // Another container with the MAC of one that has gone, whatever is reported first.
    const heir = { ...endpoint(5, { app: 'db' }), mac: known.mac };
    rules.change([
      [heir.id, heir],
      [known.id, undefined],
    ]);
    expectSame([WEB, DB, all[2]!, heir]);
    rules.change([[known.id, undefined]]);
    expectSame([WEB, DB, all[2]!, heir]);
    rules.change([WEB, DB, heir].map(({ id }) => [id, undefined] as const));
    expectSame([all[2]!]);
  });

  test('become lines that do not grow with the containers', () => {
    const many = Array.from(
      { length: 500 },
      (_, i) => [`02:00:00:00:${i >> 8}:${i & 255}`, { selectedBy: [] }] as const,
    );
    const one = { policies: rules([POLICY])?.policies ?? [], endpoints: new Map(many.slice(0, 1)) };
    expect(tableLines({ ...one, endpoints: new Map(many) }, NOTHING)).toEqual(tableLines(one, NOTHING));
    expect(tableElements({ ...one, endpoints: new Map(many) }).size).toBe(1_001);
  });

  test('drop nothing that comes to a container with unknown labels where all policies are audits', () => {
    const audit = { ...POLICY, policy: 'audit', audit: true };
    const last = (policies: PolicyDocument[]) => tableLines(rules(policies) ?? never(), NOTHING).at(-1);
    expect(last([audit])).toBe('add rule bridge xnet-policy forward goto pass');
    expect(last([POLICY, audit])).toBe('add rule bridge xnet-policy forward drop');
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
    const unknown = { to: { ...db, labels: undefined } };
    expect(verdict(unknown, [{ ...POLICY, audit: true }])).toBe('audit');
    expect(verdict(unknown, [{ ...POLICY, audit: true }, POLICY])).toBe('denied');
    expect(verdict({ port: 1 }, [])).toBe('allowed');
  });

  test('has a remedy where it is denied, which names who is to be let in', () => {
    const said = judge({ ...to, from: { ...web, name: 'a b', labels: {} } }, [POLICY]);
    expect(said.why).toBe('no rule of policy db-only-from-web allows it');
    expect(said.remedy).toMatch(
      /^xnet policy show db-only-from-web {3}# a rule that lets 'a b' at 5432\/tcp in /,
    );
  });

  test('is that nothing is denied where policies are not in force, which it says', () => {
    const network = { ...SHOP, mode: { kind: 'routed' as const } };
    const said = judge({ ...to, network, port: 1 }, [POLICY]);
    expect(said).toEqual({
      verdict: 'allowed',
      why: 'policy db-only-from-web selects db, and is not in force here: networks of mode routed have no policies',
    });
    expect(judge({ ...to, network, from: db, to: web }, [POLICY]).why).toBe('no policy selects web');
  });

  test('is none in a network without policies', () => {
    expect(findVerdict(to, [])).toBeUndefined();
    expect(findVerdict(to, [{ ...POLICY, network: 'other' }])).toBeUndefined();
    expect(findVerdict(to, [POLICY])?.verdict).toBe('allowed');
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

test.each<[string, Record<string, string>[], string[]]>([
  ['one value', [{ app: 'db' }, { 'com.docker.compose.service': 'db' }], ['shop-db', 'shop-db-2']],
  [
    'values that differ in letters that no name has',
    [{ app: 'Foo.Bar' }, { app: 'foo.bar' }],
    ['shop-foo.bar', 'shop-foo.bar-2'],
  ],
  [
    'the name of another one',
    [{ app: 'a' }, { 'com.docker.compose.service': 'a' }, { app: 'a-2' }],
    ['shop-a', 'shop-a-2', 'shop-a-3'],
  ],
  [
    'long values',
    ['x', 'y'].map((last) => ({ app: `${'a'.repeat(80)}${last}` })),
    [`shop-${'a'.repeat(58)}`, `shop-${'a'.repeat(56)}-2`],
  ],
])('kinds of containers with %s get a policy each, of names of their own', (_, kinds, names) => {
  const from = { name: 'web', labels: { app: 'web' } };
  const seen = kinds.map((labels) => ({ from, to: { name: 'db', labels }, protocol: 'tcp', port: 5432 }));
  const { policies } = policiesFromTraffic('shop', seen);
  expect(policies.map(({ policy }) => policy).sort()).toEqual(names.sort());
  expect(policies.map(({ to }) => to)).toEqual(expect.arrayContaining(kinds));
  for (const policy of policies) expect(policyDocument.parse(policy)).toEqual(policy);
});

test('more connections than a policy can say become several, which let pass the same', () => {
  const to = { name: 'db', labels: { app: 'db' } };
  const range = (length: number) => Array.from({ length }, (_, i) => i + 1);
  const seen = [
    ...range(100).map((port) => ({
      from: { name: 'web', labels: { app: 'web' } },
      to,
      protocol: 'tcp',
      port,
    })),
    ...range(70).map((n) => ({
      from: { name: 'job', labels: { app: `job${n}` } },
      to,
      protocol: 'udp',
      port: 53,
    })),
  ];
  const { policies, unsaid } = policiesFromTraffic('shop', seen);
  for (const policy of policies) expect(policyDocument.parse(policy)).toEqual(policy);
  expect(policies.map(({ policy }) => policy)).toEqual(['shop-db', 'shop-db-2']);
  const said = policies.flatMap(({ allow }) =>
    allow.flatMap(({ from, ports = [] }) => ports.map((port) => `${Object.values(from)} ${port}`)),
  );
  const wanted = seen.map(({ from, protocol, port }) => `${from.labels.app} ${port}/${protocol}`);
  expect(said.sort()).toEqual(wanted.sort());
  expect(unsaid).toEqual([]);
});

function never(): never {
  throw new Error('there are no rules');
}
