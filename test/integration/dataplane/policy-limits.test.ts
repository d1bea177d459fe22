/** What policies drop where nothing may be, and what one container takes from the others. On one host. */
import { expect, test } from '@jest/globals';
import { LinuxPolicies } from '../../../src/dataplane/policy/linux-policies.js';
import type { RuledEndpoint, RulesOfPolicy } from '../../../src/dataplane/policy/policies.js';
import { type Container, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { eventually } from '../../support/time/eventually.js';

const NOBODY: RulesOfPolicy = { name: 'closed', isAudit: false, allow: [] };

/** `web`, `other` and `db` of one network, on one host. */
class Shop implements AsyncDisposable {
  readonly policies = new LinuxPolicies();

  private constructor(
    private readonly underlay: TestUnderlay,
    readonly web: Container,
    readonly other: Container,
    readonly db: Container,
  ) {}

  static async open(): Promise<Shop> {
    const underlay = await TestUnderlay.create(1);
    const [host] = underlay.hosts as [(typeof underlay.hosts)[0]];
    const container = (n: number) =>
      underlay.container(host, underlay.network(host, 'shop'), [`10.1.0.${n}/24`]);
    return new Shop(underlay, await container(2), await container(3), await container(4));
  }

  /** Whom the policies select: all, or none; undefined: labels are not known. */
  async set(policy: RulesOfPolicy, selected: readonly (Container | undefined)[], unknown?: Container) {
    const endpoints = [this.web, this.other, this.db].map((each): [mac: string, RuledEndpoint] => {
      const selectedBy = selected.includes(each) ? [policy.name] : [];
      const { mac, id } = each.endpoint;
      return [mac, { localId: id, selectedBy: each === unknown ? undefined : selectedBy }];
    });
    await this.policies.set(this.web.network.id, { policies: [policy], endpoints: new Map(endpoints) });
  }

  get counts() {
    return this.policies.count(this.web.network.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.policies[Symbol.asyncDispose]();
    await this.underlay[Symbol.asyncDispose]();
  }
}

/** A datagram to port 7000 of `to`, which answers. */
function asks({ netns }: Container, to: Container): Promise<boolean> {
  const target = `UDP:${to.addresses[0]}:7000`;
  return netns.succeeds('sh', '-c', `echo hi | timeout 5 socat -t 3 - ${target} | grep -q hi`);
}

test('audits alone drop nothing that comes to a container whose labels are not known, and count it', async () => {
  await using shop = await Shop.open();
  const { web, other, db } = shop;
  await shop.set({ ...NOBODY, isAudit: true }, [db], other);
  expect(await web.netns.reaches('10.1.0.3')).toBe(true);
  expect(shop.counts?.unknown).toBeGreaterThan(0);
  await shop.set(NOBODY, [db], other);
  expect(await web.netns.reaches('10.1.0.3', 1)).toBe(false);
});

/** A datagram to each port of 10.1.0.4, of as many sockets. */
const FLOOD = `
const { createSocket } = require('node:dgram');
const send = async (ports) => {
  const socket = createSocket('udp4');
  const sendTo = (port) => new Promise((resolve) => socket.send('hi', port, '10.1.0.4', resolve));
  for (let first = 1; first <= ports; first += 64)
    await Promise.all(Array.from({ length: Math.min(64, ports + 1 - first) }, (_, i) => sendTo(first + i)));
  socket.close();
};
send(65_535).then(() => send(6_000));
`;

test('one container that sends to ports without end does not take answers, nor denials, from the others', async () => {
  await using shop = await Shop.open();
  const { web, other, db } = shop;
  other.netns.start('socat', 'UDP4-LISTEN:7000,reuseaddr,fork', 'EXEC:/bin/cat');
  await eventually('it is served', () => asks(db, other), 10_000);
  await shop.set(NOBODY, [web, db]);
  await web.netns.exec(process.execPath, '-e', FLOOD);
  // All went to a container that nobody may reach.
  const denied = await shop.policies.listDenied(web.network.id);
  expect(denied.length).toBeGreaterThan(50);
  expect(denied.length).toBeLessThan(3_000);
  const [first] = denied.filter(({ port }) => port === 1);
  expect(first?.packets).toBe(2);

  // And now to one that anybody may reach: the answers are awaited.
  await shop.set(NOBODY, [web]);
  await web.netns.exec(process.execPath, '-e', FLOOD);
  expect(shop.counts?.unnoted).toBeGreaterThan(30_000);
  await shop.set(NOBODY, [web, db]);
  expect(await asks(db, other)).toBe(true);
}, 120_000);
