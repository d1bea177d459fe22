/** Which packets pass between containers where policies and isolation hold, on one host and between two. */
import { describe, expect, test } from '@jest/globals';
import { LinuxPolicies } from '../../../src/dataplane/policy/linux-policies.js';
import type { NetworkRules, RuledEndpoint, RulesOfPolicy } from '../../../src/dataplane/policy/policies.js';
import { Netns } from '../../support/kernel/netns.js';
import { type Container, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { eventually } from '../../support/time/eventually.js';

const WEB_TO_DB: RulesOfPolicy = {
  name: 'db-only-from-web',
  isAudit: false,
  allow: [{ from: new Set(), ports: [{ protocol: 'tcp', first: 5432, last: 5432 }] }],
};

/** On the first host `web` and `other`, on the second `db`; their rules, on both. */
class Shop implements AsyncDisposable {
  readonly policies = new LinuxPolicies();

  private constructor(
    private readonly underlay: TestUnderlay,
    readonly web: Container,
    readonly other: Container,
    readonly db: Container,
  ) {}

  static async open(): Promise<Shop> {
    const underlay = await TestUnderlay.create(2);
    const [a, b] = underlay.hosts as [(typeof underlay.hosts)[0], (typeof underlay.hosts)[0]];
    const container = (host: typeof a, n: number) =>
      underlay.container(host, underlay.network(host, 'shop'), [`10.1.0.${n}/24`, `fd01::${n}/64`]);
    const [web, other, db] = [await container(a, 2), await container(a, 3), await container(b, 4)];
    await underlay.connect([web, other, db]);
    return new Shop(underlay, web, other, db);
  }

  /** `selected`: the container that the policies select. */
  async set(policies: readonly RulesOfPolicy[], isolated?: readonly Container[], selected = this.db) {
    const names = policies.map(({ name }) => name);
    for (const { network, host } of [this.web, this.db]) {
      const endpoints = new Map(
        [this.web, this.other, this.db].map((each) => [
          each.endpoint.mac,
          {
            ...(each.host === host && { localId: each.endpoint.id }),
            selectedBy: each === selected ? names : [],
          },
        ]),
      );
      const gateways = isolated && new Set(isolated.map(({ endpoint }) => endpoint.mac));
      await this.policies.set(network.id, { policies, endpoints, gateways });
    }
  }

  /** The rule lets web in. */
  fromWeb(given: Partial<RulesOfPolicy> = {}): RulesOfPolicy {
    const [rule] = WEB_TO_DB.allow;
    return { ...WEB_TO_DB, allow: [{ ...rule, from: new Set([this.web.endpoint.mac]) }], ...given };
  }

  /** What is sent there is not answered, and the host of `from` drops it. */
  async expectDenied(from: Container, attempt: () => Promise<boolean>): Promise<void> {
    const before = this.#dropped(from);
    let isReached = false;
    await eventually('it is dropped', async () => {
      isReached = await attempt();
      return isReached || this.#dropped(from) > before;
    });
    expect(isReached).toBe(false);
  }

  #dropped({ network }: Container): number {
    const counts = this.policies.count(network.id);
    if (!counts) return 0;
    const ofPolicies = [...counts.policies.values()].map(({ denied }) => denied);
    return [counts.isolated, counts.unknown, ...ofPolicies].reduce((sum, packets) => sum + packets, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.policies[Symbol.asyncDispose]();
    await this.underlay[Symbol.asyncDispose]();
  }
}

const KINDS = ['TCP', 'UDP'] as const;
type Kind = (typeof KINDS)[number];

/** Answers every TCP connection and every datagram at the port with what it gets. */
function serve({ netns }: Container, port: number) {
  const servers = [`TCP6-LISTEN:${port},reuseaddr,fork`, `UDP6-LISTEN:${port},reuseaddr,fork`];
  return servers.map((address) => netns.start('socat', address, 'EXEC:/bin/cat'));
}

function connects(
  from: Container,
  to: Container,
  port: number,
  kind: Kind = 'TCP',
  family = 0,
): Promise<boolean> {
  const address = to.addresses[family] ?? '';
  const target = `${kind}:${address.includes(':') ? `[${address}]` : address}:${port}`;
  return from.netns.succeeds(
    'sh',
    '-c',
    `echo hi | timeout 2 socat -t 1 - ${target}${kind === 'TCP' ? ',connect-timeout=1' : ''} | grep -q hi`,
  );
}

/** A machine that does much else may take longer for one. */
async function expectConnects(...attempt: Parameters<typeof connects>): Promise<void> {
  await eventually(attempt.slice(2).join(' '), () => connects(...attempt));
}

async function expectPings({ netns }: Container, address: string): Promise<void> {
  await eventually(address, () => netns.reaches(address, 2));
}

describe('a policy', () => {
  test('lets in whom it names, on its ports, and nobody else; the one that it selects reaches everybody', async () => {
    await using shop = await Shop.open();
    const { web, other, db } = shop;
    serve(db, 5432);
    serve(db, 6000);
    serve(other, 7000);
    for (const port of [5432, 6000]) for (const kind of KINDS) await expectConnects(other, db, port, kind);
    await shop.set([shop.fromWeb()]);
    await expectConnects(web, db, 5432);
    await expectConnects(web, db, 5432, 'TCP', 1);
    await shop.expectDenied(web, () => connects(web, db, 6000));
    await shop.expectDenied(other, () => connects(other, db, 5432));
    await shop.expectDenied(other, () => connects(other, db, 5432, 'TCP', 1));
    await shop.expectDenied(web, () => connects(web, db, 5432, 'UDP'));
    await shop.expectDenied(other, () => other.netns.reaches('10.1.0.4', 1));
    // Answers pass, of connections and of datagrams.
    await expectConnects(db, other, 7000);
    await expectConnects(db, other, 7000, 'UDP');
    await expectConnects(db, other, 7000, 'UDP', 1);
    await expectPings(db, '10.1.0.3');
    await expectPings(web, '10.1.0.3');
    const counts = shop.policies.count(web.network.id)?.policies.get('db-only-from-web');
    expect(counts?.hits[0]).toBeGreaterThan(2);
    expect(counts?.denied).toBeGreaterThan(0);
    const denied = await shop.policies.listDenied(web.network.id);
    const frame = { fromMac: other.endpoint.mac, toMac: db.endpoint.mac, protocol: 'tcp', port: 5432 };
    expect(denied).toContainEqual(expect.objectContaining(frame));
  });

  test('that is an audit counts what it would drop, and drops nothing', async () => {
    await using shop = await Shop.open();
    const { web, other, db } = shop;
    serve(db, 5432);
    await shop.set([shop.fromWeb({ isAudit: true })]);
    await expectConnects(other, db, 5432);
    await expectConnects(web, db, 5432);
    expect(shop.policies.count(web.network.id)?.policies.get('db-only-from-web')?.denied).toBeGreaterThan(0);
  });

  test('that is changed holds at once for what is open at its ports; counters stay; what others alter is put right', async () => {
    await using shop = await Shop.open();
    const { web, db } = shop;
    serve(db, 5432);
    await shop.set([shop.fromWeb()]);
    await expectConnects(web, db, 5432);
    const open = web.netns.start(
      'socat',
      '-u',
      'SYSTEM:"while sleep 0.1; do date +%s%N; done"',
      'TCP:10.1.0.4:5432',
    );
    const hits = () => shop.policies.count(web.network.id)?.policies.get('db-only-from-web')?.hits[0] ?? 0;
    const before = hits();
    await eventually('it sends', async () => hits() > before + 10, 10_000);
    await shop.set([{ ...shop.fromWeb(), allow: [{ ...WEB_TO_DB.allow[0], from: new Set() }] }]);
    const denied = () => shop.policies.count(web.network.id)?.policies.get('db-only-from-web')?.denied ?? 0;
    expect(hits()).toBeGreaterThan(before);
    const after = hits();
    await eventually('what is open is cut', async () => denied() > 0, 10_000);
    expect(hits()).toBe(after);
    await open.stop();

    const doubted: string[] = [];
    shop.policies.onDoubt((networkId) => doubted.push(networkId));
    await Netns.of(`xnet-${web.network.id}`).exec('nft', 'flush', 'ruleset');
    await eventually('it is noticed', async () => doubted.includes(web.network.id), 2_000);
    await shop.set([shop.fromWeb()]);
    await expectConnects(web, db, 5432);
    await shop.expectDenied(shop.other, () => connects(shop.other, db, 5432));
    await Netns.of(`xnet-${web.network.id}`).exec(
      'nft',
      'flush',
      'chain',
      'bridge',
      'xnet-policy',
      'forward',
    );
    const rules = await ruleOf(shop, shop.fromWeb());
    expect(await shop.policies.set(web.network.id, rules)).toBe(true);
    expect(await shop.policies.set(web.network.id, rules)).toBe(false);
    await shop.policies.set(web.network.id, undefined);
    const left = await Netns.of(`xnet-${web.network.id}`).exec('nft', 'list', 'tables');
    expect(left).not.toContain('xnet-policy');
  });

  test('becomes the same table by containers that come, change and go, one by one, as written at once', async () => {
    await using shop = await Shop.open();
    const { id } = shop.web.network;
    const policies = [shop.fromWeb(), { ...shop.fromWeb(), name: 'more' }];
    const [own, mac, remote] = [shop.other.endpoint, shop.web.endpoint.mac, shop.db.endpoint.mac];
    const steps: (RuledEndpoint & { mac: string })[][] = [
      [{ mac, selectedBy: [] }],
      [
        { mac, selectedBy: [] },
        { mac: own.mac, localId: own.id, selectedBy: ['more'] },
        { mac: remote, selectedBy: ['db-only-from-web', 'more'] },
      ],
      // Of the classes both stay, so that elements alone change.
      [
        { mac, selectedBy: undefined },
        { mac: own.mac, localId: own.id, selectedBy: ['db-only-from-web', 'more'] },
        { mac: remote, selectedBy: ['more'] },
      ],
      [
        { mac: own.mac, localId: own.id, selectedBy: ['db-only-from-web', 'more'] },
        { mac: remote, selectedBy: ['more'] },
        { mac: '02:00:00:00:00:99', selectedBy: [] },
      ],
    ];
    const rulesOf = (ends: (typeof steps)[number]): NetworkRules => {
      const endpoints = new Map(ends.map(({ mac, ...rest }) => [mac, rest]));
      const allow = [{ from: new Set(endpoints.keys()) }];
      return { policies: policies.map((policy) => ({ ...policy, allow })), endpoints };
    };
    const stepwise: string[] = [];
    for (const endpoints of steps) {
      await shop.policies.set(id, rulesOf(endpoints));
      stepwise.push(await listTable(id));
    }
    for (const [i, endpoints] of steps.entries()) {
      await using anew = new LinuxPolicies();
      await anew.set(id, undefined);
      await anew.set(id, rulesOf(endpoints));
      expect(await listTable(id)).toBe(stepwise[i]);
    }
    expect(stepwise[2]).toMatch(/goto class/);
    expect(new Set(stepwise).size).toBe(steps.length);
  });

  test('is put right when others alter where an element of a map leads, an element, or a rule; changes of its own, and of other tables, are none', async () => {
    await using shop = await Shop.open();
    const { id } = shop.web.network;
    const namespace = Netns.of(`xnet-${id}`);
    const alter = (words: string) => namespace.exec('nft', ...words.split(' '));
    const doubted: string[] = [];
    shop.policies.onDoubt((networkId) => doubted.push(networkId));
    const rules = await ruleOf(shop, shop.fromWeb());
    const mac = shop.db.endpoint.mac;
    const to = (chain: string) => `element bridge xnet-policy to { ${mac} : goto ${chain} }`;
    for (const alteration of [
      `delete element bridge xnet-policy to { ${mac} }; add ${to('pass')}`,
      `delete element bridge xnet-policy to { ${mac} }`,
      `add element bridge xnet-policy from.db-only-from-web.0 { ${shop.other.endpoint.mac} }`,
      'add rule bridge xnet-policy pass drop',
    ]) {
      await shop.policies.set(id, rules);
      const before = await listTable(id);
      expect(shop.policies.isInForce(id)).toBe(true);
      doubted.length = 0;
      await alter(alteration);
      await eventually('it is noticed', async () => doubted.length > 0, 2_000);
      expect(shop.policies.isInForce(id)).toBe(false);
      expect(await shop.policies.set(id, rules)).toBe(true);
      expect(await listTable(id)).toBe(before);
    }
    doubted.length = 0;
    await alter('add table bridge other');
    expect(shop.policies.isInForce(id)).toBe(true);
    const endpoints = rules.endpoints as Map<string, RuledEndpoint>;
    endpoints.set('02:00:00:00:00:77', { selectedBy: [] });
    expect(await shop.policies.set(id, rules, new Set(['02:00:00:00:00:77']))).toBe(false);
    expect(shop.policies.isInForce(id)).toBe(true);
    expect(await listTable(id)).toContain('02:00:00:00:00:77');
    endpoints.delete('02:00:00:00:00:77');
    await shop.policies.set(id, rules, new Set(['02:00:00:00:00:77']));
    expect(await listTable(id)).not.toContain('02:00:00:00:00:77');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(doubted).toEqual([]);
  });

  test('judges by a chain of its own a container that comes as the first that just these policies select', async () => {
    await using shop = await Shop.open();
    const { id } = shop.web.network;
    const policies = [shop.fromWeb(), { ...shop.fromWeb(), name: 'more' }];
    const [web, db] = [shop.web.endpoint.mac, shop.db.endpoint.mac];
    const endpoints = new Map<string, RuledEndpoint>([[web, { selectedBy: ['more'] }]]);
    const rules = { policies, endpoints };
    await shop.policies.set(id, rules);
    endpoints.set(db, { selectedBy: ['db-only-from-web', 'more'] });
    expect(await shop.policies.set(id, rules, new Set([db]))).toBe(false);
    const changed = await listTable(id);
    await using anew = new LinuxPolicies();
    await anew.set(id, undefined);
    await anew.set(id, rules);
    expect(await listTable(id)).toBe(changed);
    expect(changed).toMatch(/goto class\.0.*goto class\.1|goto class\.1.*goto class\.0/);
  });

  test('lets nobody begin anything with a container whose labels are not known, which reaches others', async () => {
    await using shop = await Shop.open();
    const { web, other, db } = shop;
    serve(db, 5432);
    for (const kind of KINDS) await expectConnects(other, db, 5432, kind);
    for (const { network } of [web, db]) {
      const endpoints = new Map([
        [web.endpoint.mac, { selectedBy: [] }],
        [db.endpoint.mac, { selectedBy: [] }],
        [other.endpoint.mac, { selectedBy: undefined }],
      ]);
      await shop.policies.set(network.id, { policies: [shop.fromWeb()], endpoints });
    }
    await expectConnects(other, db, 5432);
    await expectConnects(other, db, 5432, 'UDP');
    await shop.expectDenied(web, () => web.netns.reaches('10.1.0.3', 1));
    await shop.expectDenied(db, () => db.netns.reaches('10.1.0.3', 1));
    expect(shop.policies.count(web.network.id)?.unknown).toBeGreaterThan(0);
  });
});

test('of an isolated network containers reach its gateways, and these all, on one host and between two', async () => {
  await using shop = await Shop.open();
  const { web, other, db } = shop;
  await shop.set([], [web]);
  await expectPings(web, '10.1.0.3');
  await expectPings(web, '10.1.0.4');
  await expectPings(db, 'fd01::2');
  await shop.expectDenied(other, () => other.netns.reaches('10.1.0.4', 1));
  await shop.expectDenied(db, () => db.netns.reaches('10.1.0.3', 1));
  await shop.expectDenied(db, () => db.netns.reaches('fd01::3', 1));
  expect(shop.policies.count(web.network.id)?.isolated).toBeGreaterThan(0);
});

test('for a time it is noted which connections begin, and nothing is dropped', async () => {
  await using shop = await Shop.open();
  const { web, other, db } = shop;
  serve(db, 5432);
  for (const kind of KINDS) await expectConnects(other, db, 5432, kind);
  const stop = new AbortController();
  const learning = shop.policies.learn(web.network.id, 600_000, stop.signal);
  await eventually('it is noted', async () => expect(await listLearning(web)).toHaveLength(1));
  await expectConnects(web, db, 5432);
  await expectConnects(other, db, 5432, 'UDP');
  stop.abort();
  const seen = (await learning).map(({ packets: _, ...rest }) => rest);
  const to = { toMac: db.endpoint.mac, port: 5432 };
  expect(seen).toContainEqual({ ...to, fromMac: web.endpoint.mac, protocol: 'tcp' });
  expect(seen).toContainEqual({ ...to, fromMac: other.endpoint.mac, protocol: 'udp' });
  expect(seen).toHaveLength(2);
});

test('what is noted for one does not disturb another, ends with who asked for it, and is not left behind', async () => {
  await using shop = await Shop.open();
  const { web, db } = shop;
  const { id } = web.network;
  const namespace = Netns.of(`xnet-${id}`);
  const begin = () => {
    const stop = new AbortController();
    return { stop, seen: shop.policies.learn(id, 600_000, stop.signal) };
  };
  serve(db, 5432);
  await expectConnects(web, db, 5432);

  const runs = [begin(), begin()];
  await eventually('both note', async () => expect(await listLearning(web)).toHaveLength(2));
  await expectConnects(web, db, 5432);
  const connection = { fromMac: web.endpoint.mac, toMac: db.endpoint.mac, protocol: 'tcp', port: 5432 };
  for (const [i, { stop, seen }] of runs.entries()) {
    stop.abort();
    expect(await seen).toEqual([expect.objectContaining(connection)]);
    expect(await listLearning(web)).toHaveLength(1 - i);
  }

  const flushed = begin();
  await eventually('it notes', async () => expect(await listLearning(web)).toHaveLength(1));
  await namespace.exec('nft', 'flush', 'ruleset');
  flushed.stop.abort();
  await expect(flushed.seen).rejects.toThrow(/was removed while it noted .*flushes nftables/);

  // What a daemon that was killed has left, the next one removes as it looks at the network.
  for (const name of ['xnet-learn', 'xnet-learn-0123abcd'])
    await namespace.exec('nft', 'add', 'table', 'bridge', name);
  await using next = new LinuxPolicies();
  await next.set(id, undefined);
  expect(await listLearning(web)).toEqual([]);
});

test('an answer does not count as a beginning, also where no more beginnings can be noted', async () => {
  await using shop = await Shop.open();
  const { other, db } = shop;
  serve(db, 5432);
  await expectConnects(other, db, 5432, 'UDP');
  const stop = new AbortController();
  const learning = shop.policies.learn(other.network.id, 600_000, stop.signal);
  await eventually('it is noted', async () => expect(await listLearning(other)).toHaveLength(1));
  const [table] = await listLearning(other);
  const element = '10.9.0.1 . 10.9.0.2 . udp . 1 . %d';
  const full = `seq 16384 | awk 'BEGIN { printf "add element bridge ${table} begun4 {" } { printf " ${element},", $1 } END { print " }" }'`;
  await Netns.of(`xnet-${other.network.id}`).exec('sh', '-c', `${full} | nft -f -`);
  await expectConnects(other, db, 5432, 'UDP');
  stop.abort();
  expect(await learning).toEqual([]);
});

/** Names of the tables that note which connections begin. */
async function listLearning({ network }: Container): Promise<string[]> {
  const tables = await Netns.of(`xnet-${network.id}`).exec('nft', 'list', 'tables');
  return tables.match(/xnet-learn\S*/g) ?? [];
}

/** Its lines and elements in one order, whatever order they were made in. */
async function listTable(networkId: string): Promise<string> {
  const namespace = Netns.of(`xnet-${networkId}`);
  const text = await namespace.exec('nft', '-s', 'list', 'table', 'bridge', 'xnet-policy');
  const sorted = (elements: string) => elements.replaceAll(/\s+/g, ' ').split(', ').sort().join(', ');
  const lines = text.replaceAll(/(?<=elements = \{ )[^}]*(?= \})/g, sorted).split('\n');
  return lines.sort().join('\n');
}

async function ruleOf(shop: Shop, policy: RulesOfPolicy): Promise<NetworkRules> {
  const endpoints = new Map(
    [shop.web, shop.other, shop.db].map((each) => [
      each.endpoint.mac,
      { selectedBy: each === shop.db ? [policy.name] : [] },
    ]),
  );
  return { policies: [policy], endpoints };
}
