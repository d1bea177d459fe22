/** Which packets pass between containers where policies and isolation hold, on one host and between two. */
import { describe, expect, test } from '@jest/globals';
import { LinuxPolicies } from '../../../src/dataplane/policy/linux-policies.js';
import type { NetworkRules, RulesOfPolicy } from '../../../src/dataplane/policy/policies.js';
import { Netns } from '../../support/kernel/netns.js';
import { type Container, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { eventually } from '../../support/time/eventually.js';

const WEB_TO_DB: RulesOfPolicy = {
  name: 'db-only-from-web',
  isAudit: false,
  allow: [{ from: [], ports: [{ protocol: 'tcp', first: 5432, last: 5432 }] }],
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
      const endpoints = [this.web, this.other, this.db].map((each) => ({
        mac: each.endpoint.mac,
        ...(each.host === host && { localId: each.endpoint.id }),
        selectedBy: each === selected ? names : [],
      }));
      const gateways = isolated?.map(({ endpoint }) => endpoint.mac);
      await this.policies.set(network.id, { policies, endpoints, gateways });
    }
  }

  /** The rule lets web in. */
  fromWeb(given: Partial<RulesOfPolicy> = {}): RulesOfPolicy {
    const [rule] = WEB_TO_DB.allow;
    return { ...WEB_TO_DB, allow: [{ ...rule, from: [this.web.endpoint.mac] }], ...given };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.policies[Symbol.asyncDispose]();
    await this.underlay[Symbol.asyncDispose]();
  }
}

/** Answers every TCP connection and every datagram at the port with what it gets. */
function serve({ netns }: Container, port: number) {
  const servers = [`TCP6-LISTEN:${port},reuseaddr,fork`, `UDP6-LISTEN:${port},reuseaddr,fork`];
  return servers.map((address) => netns.start('socat', address, 'EXEC:/bin/cat'));
}

function connects(from: Container, to: Container, port: number, kind = 'TCP', family = 0): Promise<boolean> {
  const address = to.addresses[family] ?? '';
  const target = `${kind}:${address.includes(':') ? `[${address}]` : address}:${port}`;
  return from.netns.succeeds(
    'sh',
    '-c',
    `echo hi | timeout 2 socat -t 1 - ${target}${kind === 'TCP' ? ',connect-timeout=1' : ''} | grep -q hi`,
  );
}

describe('a policy', () => {
  test('lets in whom it names, on its ports, and nobody else; the one that it selects reaches everybody', async () => {
    await using shop = await Shop.open();
    const { web, other, db } = shop;
    serve(db, 5432);
    serve(db, 6000);
    serve(other, 7000);
    await eventually('it is served', () => connects(other, db, 6000), 10_000);
    await shop.set([shop.fromWeb()]);
    expect(await connects(web, db, 5432)).toBe(true);
    expect(await connects(web, db, 5432, 'TCP', 1)).toBe(true);
    expect(await connects(web, db, 6000)).toBe(false);
    expect(await connects(other, db, 5432)).toBe(false);
    expect(await connects(other, db, 5432, 'TCP', 1)).toBe(false);
    expect(await connects(web, db, 5432, 'UDP')).toBe(false);
    expect(await other.netns.reaches('10.1.0.4', 1)).toBe(false);
    // Answers pass, of connections and of datagrams.
    expect(await connects(db, other, 7000)).toBe(true);
    expect(await connects(db, other, 7000, 'UDP')).toBe(true);
    expect(await connects(db, other, 7000, 'UDP', 1)).toBe(true);
    expect(await db.netns.reaches('10.1.0.3', 2)).toBe(true);
    expect(await web.netns.reaches('10.1.0.3', 2)).toBe(true);
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
    await eventually('it is served', () => connects(other, db, 5432), 10_000);
    expect(await connects(web, db, 5432)).toBe(true);
    expect(shop.policies.count(web.network.id)?.policies.get('db-only-from-web')?.denied).toBeGreaterThan(0);
  });

  test('that is changed holds at once for what is open at its ports; counters stay; what others alter is put right', async () => {
    await using shop = await Shop.open();
    const { web, db } = shop;
    serve(db, 5432);
    await shop.set([shop.fromWeb()]);
    await eventually('it is served', () => connects(web, db, 5432), 10_000);
    const open = web.netns.start(
      'socat',
      '-u',
      'SYSTEM:"while sleep 0.1; do date +%s%N; done"',
      'TCP:10.1.0.4:5432',
    );
    const hits = () => shop.policies.count(web.network.id)?.policies.get('db-only-from-web')?.hits[0] ?? 0;
    const before = hits();
    await eventually('it sends', async () => hits() > before + 10, 10_000);
    await shop.set([{ ...shop.fromWeb(), allow: [{ ...WEB_TO_DB.allow[0], from: [] }] }]);
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
    expect(await connects(web, db, 5432)).toBe(true);
    expect(await connects(shop.other, db, 5432)).toBe(false);
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

  test('lets nobody begin anything with a container whose labels are not known, which reaches others', async () => {
    await using shop = await Shop.open();
    const { web, other, db } = shop;
    serve(db, 5432);
    await eventually('it is served', () => connects(other, db, 5432), 10_000);
    for (const { network } of [web, db]) {
      const endpoints = [
        { mac: web.endpoint.mac, selectedBy: [] },
        { mac: db.endpoint.mac, selectedBy: [] },
        { mac: other.endpoint.mac, selectedBy: undefined },
      ];
      await shop.policies.set(network.id, { policies: [shop.fromWeb()], endpoints });
    }
    expect(await connects(other, db, 5432)).toBe(true);
    expect(await connects(other, db, 5432, 'UDP')).toBe(true);
    expect(await web.netns.reaches('10.1.0.3', 1)).toBe(false);
    expect(await db.netns.reaches('10.1.0.3', 1)).toBe(false);
    expect(shop.policies.count(web.network.id)?.unknown).toBeGreaterThan(0);
  });
});

test('of an isolated network containers reach its gateways, and these all, on one host and between two', async () => {
  await using shop = await Shop.open();
  const { web, other, db } = shop;
  await shop.set([], [web]);
  expect(await web.netns.reaches('10.1.0.3', 2)).toBe(true);
  expect(await web.netns.reaches('10.1.0.4', 2)).toBe(true);
  expect(await db.netns.reaches('fd01::2', 2)).toBe(true);
  expect(await other.netns.reaches('10.1.0.4', 1)).toBe(false);
  expect(await db.netns.reaches('10.1.0.3', 1)).toBe(false);
  expect(await db.netns.reaches('fd01::3', 1)).toBe(false);
  expect(shop.policies.count(web.network.id)?.isolated).toBeGreaterThan(0);
});

test('for a time it is noted which connections begin, and nothing is dropped', async () => {
  await using shop = await Shop.open();
  const { web, other, db } = shop;
  serve(db, 5432);
  await eventually('it is served', () => connects(other, db, 5432), 10_000);
  let isOver = false;
  const learning = shop.policies.learn(web.network.id, 4_000, new AbortController().signal).finally(() => {
    isOver = true;
  });
  // When it begins nobody says.
  while (!isOver) {
    expect(await connects(web, db, 5432)).toBe(true);
    expect(await connects(other, db, 5432, 'UDP')).toBe(true);
  }
  const seen = (await learning).map(({ packets: _, ...rest }) => rest);
  const to = { toMac: db.endpoint.mac, port: 5432 };
  expect(seen).toContainEqual({ ...to, fromMac: web.endpoint.mac, protocol: 'tcp' });
  expect(seen).toContainEqual({ ...to, fromMac: other.endpoint.mac, protocol: 'udp' });
  expect(seen).toHaveLength(2);
});

async function ruleOf(shop: Shop, policy: RulesOfPolicy): Promise<NetworkRules> {
  const endpoints = [shop.web, shop.other, shop.db].map((each) => ({
    mac: each.endpoint.mac,
    selectedBy: each === shop.db ? [policy.name] : [],
  }));
  return { policies: [policy], endpoints };
}
