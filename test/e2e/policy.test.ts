/** Policies and isolation on three hosts: what they let through and what not, whatever becomes of xnet, etcd, the rules and the hosts. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import {
  type Container,
  CREATE,
  createMirroredNetwork,
  runContainer,
} from '../support/containers/containers.js';
import { expectNoProblem, expectProblem } from '../support/containers/networks.js';
import { findSandbox } from '../support/dns/lookup-load.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { xnetAnswer } from '../support/lab/xnet-answer.js';
import { eventually } from '../support/time/eventually.js';
import { expectInTime } from '../support/time/in-time.js';
import { NumberedStream } from '../support/traffic/flows.js';
import { asks, droppedOn, expectDenied, expectReached, untilDenied } from '../support/traffic/judged.js';
import { SteadyPing } from '../support/traffic/steady-ping.js';

const DB_FROM_WEB = `policy: db-only-from-web
to: { app: db }
allow:
  - from: { app: web }
    ports: [7/tcp]
`;
const withPorts = (ports: string) => DB_FROM_WEB.replace('7/tcp', ports);

const apply = (lab: Lab, policy: string, host = 'h1') =>
  lab.in(host, 'sh', '-c', `printf '%s' "$1" | xnet policy apply -`, 'sh', policy);
const remove = (lab: Lab, policy: string) => lab.in('h1', 'xnet', 'policy', 'rm', policy);

const labelled = (app: string) => ['--label', `app=${app}`, '--restart', 'always'];

interface Shop {
  readonly web: Container;
  readonly other: Container;
  readonly db: Container;
}

/** Each on a host of its own. */
async function openShop(lab: Lab): Promise<Shop> {
  await createMirroredNetwork(lab, 'shop');
  const [web, other, db] = await Promise.all([
    runContainer(lab, 'h1', 'shop', { name: 'web', options: labelled('web') }),
    runContainer(lab, 'h2', 'shop', { name: 'other', options: labelled('other') }),
    runContainer(lab, 'h3', 'shop', { name: 'db', options: labelled('db') }),
  ]);
  return { web, other, db };
}

/** On the hosts of those who may not. */
async function untilInForce({ web, other, db }: Shop): Promise<void> {
  await untilDenied(other, db.name);
  await untilDenied(web, db.name, 'UDP');
}

/** While xnet or etcd is away names may not be answered. */
async function expectHeld({ web, other }: Shop, address: string): Promise<void> {
  await expectReached(web, address);
  await expectDenied(other, address);
}

/** Of each test, with a leak check, on a machine that does much else. */
const LONG = { timeoutMs: 300_000 };

describeInLab('policy', { hosts: 3 }, (test) => {
  test(
    'a policy is in force on all hosts, for the first packet of a container, and is changed under load',
    async (lab) => {
      const shop = await openShop(lab);
      const { web, other, db } = shop;
      await expectReached(other, 'db');

      const bad = await apply(lab, withPorts('7/http')).catch(String);
      expect(bad).toContain('standard input:5:13: allow.0.ports.0: a port is such as');
      expect(await lab.in('h1', 'xnet', 'policy', 'ls', '-o', 'json')).toContain('"items": []');
      expect(await apply(lab, DB_FROM_WEB)).toContain('policy db-only-from-web created');
      await untilInForce(shop);
      expect(await apply(lab, DB_FROM_WEB, 'h2')).toContain('policy db-only-from-web unchanged');
      await expectReached(web, 'db');
      await expectDenied(web, 'db', 'UDP');
      await expectReached(db, 'other');
      await expectReached(db, 'other', 'UDP');
      await expectReached(other, 'web');

      const first = await firstConnection(lab, 'web', 20);
      expect(first.said).toContain('db');
      expectInTime(first.ms, 2_500);
      const before = await droppedOn(lab, 'h2');
      expect((await firstConnection(lab, 'more', 3)).said).not.toContain('db');
      expect(await droppedOn(lab, 'h2')).toBeGreaterThan(before);

      const said = async (from: string, ...words: string[]) =>
        JSON.parse(
          await lab.in('h2', 'sh', '-c', `xnet policy test ${from} ${words.join(' ')} -o json || true`),
        );
      expect(await said('web', 'db', '7')).toMatchObject({
        networks: [{ network: 'shop', verdict: 'allowed', why: 'policy db-only-from-web, rule 1' }],
        probe: { verdict: 'passed' },
      });
      expect(await said('other', 'db', '7')).toMatchObject({
        networks: [{ verdict: 'denied' }],
        probe: { verdict: 'lost' },
      });
      const hop = async (...words: string[]) =>
        (await xnetAnswer(lab, 'h1', 'trace', ...words)).hops.find((each) => each.hop === 'policy');
      expect(await hop('web', 'db:7')).toMatchObject({
        verdict: 'ok',
        found: 'policy db-only-from-web, rule 1',
      });
      expect(await hop('other', 'db:7')).toMatchObject({
        ...{ verdict: 'fault', host: 'h2', found: 'no rule of policy db-only-from-web allows it' },
        remedy: expect.stringMatching(/^xnet policy show db-only-from-web /),
      });

      await changeUnderLoad(lab, shop);
      await expectInForceEverywhere(lab, shop);
      await remove(lab, 'db-only-from-web');
      await expectReached(other, 'db');
      for (const host of lab.hosts) await expectNoProblem(lab, host);
    },
    LONG,
  );

  test(
    'policies hold without xnet, without etcd, after a flush and after a reboot, and count on all hosts',
    async (lab) => {
      const shop = await openShop(lab);
      const { web, other, db } = shop;
      await apply(lab, DB_FROM_WEB);
      await untilInForce(shop);
      const address = await db.address();

      await Promise.all(['h1', 'h3'].map((host) => lab.xnet(host, 'kill')));
      await expectHeld(shop, address);
      await Promise.all(['h1', 'h3'].map((host) => lab.xnet(host, 'start')));
      await lab.etcd('stop');
      await expectHeld(shop, address);
      await lab.etcd('start');

      const id = (await xnetAnswer(lab, 'h1', 'networks')).items.find(({ name }) => name === 'shop')?.id;
      for (const host of ['h2', 'h3'])
        await lab.in(host, 'ip', 'netns', 'exec', `xnet-${id}`, 'nft', 'flush', 'ruleset');
      for (const host of ['h2', 'h3'])
        await eventually(
          'the rules are there again',
          async () => ((await xnetAnswer(lab, host, 'status')).repairs.policy ?? 0) >= 1,
        );
      await expectHeld(shop, address);

      await lab.run(['reboot', 'h3']);
      await eventually('it is reached again', () => asks(web, 'db', 'TCP'), 20_000);
      await expectDenied(other, 'db');

      await eventually('all hosts answer what they have counted', async () => {
        const shown = await lab.in('h2', 'xnet', 'policy', 'show', 'db-only-from-web');
        expect(shown).toMatch(/1 +app=web +7\/tcp +[1-9]/);
        expect(shown).toMatch(/[1-9]\d* packets dropped/);
        expect(shown).toMatch(/db +shop +h3 +yes/);
      });
      await eventually('it is an event', async () =>
        (await lab.in('h2', 'xnet', 'events')).includes('policy db-only-from-web: other -> db:7/tcp dropped'),
      );
      expect(await lab.in('h2', 'sh', '-c', 'xnet doctor || true')).toMatch(
        /ok +denied +dropped here in the last hour: .*policy db-only-from-web: other -> db:7\/tcp/,
      );
      await remove(lab, 'db-only-from-web');
    },
    LONG,
  );

  test(
    'an audit drops nothing, what was learned passes, and isolated containers reach gateways alone',
    async (lab) => {
      const [shop] = await Promise.all([
        openShop(lab),
        createMirroredNetwork(lab, 'apart', ['-o', 'xnet.isolate=on']),
      ]);
      const { web, other } = shop;
      await apply(lab, DB_FROM_WEB);
      await untilInForce(shop);
      await apply(lab, `${DB_FROM_WEB}audit: true\n`);
      await expectReached(other, 'db');

      const learned = await learnFrom(lab, () => asks(other, 'db', 'TCP'));
      expect(learned).toContain('app: other');
      expect(learned).toContain('- 7/tcp');
      expect(await apply(lab, learned)).toContain('policy shop-db created');
      await expectReached(other, 'db');
      for (const policy of ['shop-db', 'db-only-from-web']) await remove(lab, policy);
      await expectReached(web, 'db', 'UDP');

      const gateway = ['--label', 'xnet.gateway=true'];
      const [proxy, one, two, beside] = (await Promise.all([
        runContainer(lab, 'h1', 'apart', { name: 'proxy', options: gateway }),
        runContainer(lab, 'h2', 'apart', { name: 'one' }),
        runContainer(lab, 'h3', 'apart', { name: 'two' }),
        runContainer(lab, 'h2', 'apart', { name: 'beside' }),
      ])) as [Container, Container, Container, Container];
      await expectReached(one, 'proxy');
      await expectReached(proxy, 'one');
      await expectReached(proxy, 'two', 'UDP');
      expect(await one.dig('two')).toEqual([await two.address()]);
      await expectDenied(one, 'two');
      await expectDenied(two, 'one', 'UDP');
      await expectDenied(one, await beside.address());
      expect(
        (await xnetAnswer(lab, 'h1', 'trace', 'one', 'two')).hops.find((each) => each.hop === 'policy'),
      ).toMatchObject({ verdict: 'fault', found: expect.stringMatching(/^the network is isolated/) });
      await expectSaidWhereNotInForce(lab);
      const refused = lab.docker('h1', ...CREATE, '-o', 'xnet.mode=routed', '-o', 'xnet.isolate=on', 'no');
      await expect(refused).rejects.toThrow('xnet.isolate=on does not go with xnet.mode=routed');
    },
    LONG,
  );
});

/** In a routed network, and of one that selects nothing. */
async function expectSaidWhereNotInForce(lab: Lab): Promise<void> {
  await createMirroredNetwork(lab, 'far', ['-o', 'xnet.mode=routed']);
  await runContainer(lab, 'h1', 'far', { name: 'fardb', options: ['--label', 'app=fardb'] });
  const policy = DB_FROM_WEB.replace('app: db', 'app: fardb');
  await expect(apply(lab, policy.replace('\n', '\nnetwork: far\n'))).rejects.toThrow(
    'policy db-only-from-web is of network "far", which is of mode routed',
  );
  // Its labels are published a moment after its start, since nothing waits for them in a network without policies.
  const said =
    'NOT IN FORCE: policy db-only-from-web for fardb on h1 in network far: networks of mode routed have no policies';
  await eventually(async () => expect(await apply(lab, policy)).toContain(said));
  await expectProblem(lab, 'h1', /policy db-only-from-web is not in force for .* in network far/);
  await apply(lab, policy.replace('app: fardb', 'app: nobody'));
  await expectNoProblem(lab, 'h1');
  expect(await lab.in('h1', 'sh', '-c', 'xnet doctor || true')).toMatch(
    /warning +policies +policy db-only-from-web selects no container: none has app=nobody/,
  );
  await remove(lab, 'db-only-from-web');
}

/** What is learned on h3 while something connects, however long the command takes to begin. */
async function learnFrom(lab: Lab, connect: () => Promise<unknown>): Promise<string> {
  let isOver = false;
  const learning = lab.in('h3', 'xnet', 'policy', 'learn', 'shop', '--seconds', '6').finally(() => {
    isOver = true;
  });
  // What it throws is thrown at the end.
  learning.catch(() => undefined);
  while (!isOver) await connect();
  return learning;
}

/**
 * What a container that asks at once gets from the database. It is asked with a SYN, and with another a second later where the first one is
 * lost, as while h3 has not got the container's labels.
 */
async function firstConnection(
  lab: Lab,
  app: string,
  seconds: number,
): Promise<{ readonly said: string; readonly ms: number }> {
  const script = `now() { read up _ </proc/uptime; echo "\${up%.*}\${up#*.}0"; }; began=$(now)
    socat -T ${seconds} -u TCP:db:7,connect-timeout=${seconds} - || true; echo " after $(($(now) - began)) ms"`;
  const options = ['run', '--rm', '--network', 'shop', '--label', `app=${app}`];
  const said = await lab.docker('h2', ...options, 'tools', 'sh', '-c', script);
  console.info(`the first connection of a container with app=${app}: ${said}`);
  return { said, ms: Number(/after (\d+) ms/.exec(said)?.[1]) };
}

/** What is allowed before and after is never interrupted: new connections, a connection that is open, and pings. */
async function changeUnderLoad(lab: Lab, { web, db }: Shop): Promise<void> {
  await apply(lab, withPorts('7/tcp, 99/tcp, icmp'));
  const address = await db.address();
  await eventually('pings pass', () => web.reaches(address));
  const stream = await NumberedStream.start(web, db);
  using ping = SteadyPing.start(await findSandbox(web), address, 10);
  const script = `while sleep 0.05; do timeout 20 socat -T 15 -u TCP:${address}:7 - || echo lost; done`;
  const connections = lab.start('h1', 'docker', 'exec', 'web', 'sh', '-c', script);
  const beganMs = performance.now();
  for (let i = 0; i < 5; i++) {
    await apply(lab, withPorts(`7/tcp, 99/tcp, icmp, ${100 + i}/tcp`), `h${1 + (i % 3)}`);
    await pause(400);
  }
  const endedMs = performance.now();
  await eventually('an answer has come', () => ping.heardMs > endedMs);
  expect(ping.lastLost(beganMs, endedMs)).toBeUndefined();
  await connections.stop();
  expect(connections.output).toContain('db');
  expect(connections.output).not.toContain('lost');
  expect(await stream.stop()).toBeGreaterThan(0);
}

function droppedOnEach(lab: Lab): Promise<number[]> {
  return Promise.all(lab.hosts.map((host) => droppedOn(lab, host)));
}

/** Between two containers of one host no other host's rules are passed, so pings on each show when that host has them. */
async function expectInForceEverywhere(lab: Lab, { web, other, db }: Shop): Promise<void> {
  const run = (host: string, name: string, app: string) =>
    runContainer(lab, host, 'shop', { name, options: ['--label', `app=${app}`] });
  const [db1, db2, third] = await Promise.all([
    run('h1', 'db1', 'db'),
    run('h2', 'db2', 'db'),
    run('h3', 'third', 'more'),
  ]);
  const everybody = withPorts('icmp').replace('from: { app: web }', 'from: { network: shop }');
  await apply(lab, everybody);
  const pairs: [Container, Container][] = [
    [web, db1],
    [other, db2],
    [third, db],
  ];
  const pings = await Promise.all(
    pairs.map(async ([from, to]) => SteadyPing.start(await findSandbox(from), await to.address(), 5)),
  );
  try {
    await eventually('all are answered', () => pings.every(({ heardMs }) => heardMs > 0));
    const before = await droppedOnEach(lab);
    await apply(lab, DB_FROM_WEB);
    const appliedMs = performance.now();
    await eventually('each host drops them', async () => {
      const dropped = await droppedOnEach(lab);
      return dropped.every((packets, i) => packets > (before[i] ?? 0));
    });
    await eventually('none is answered any more', () =>
      pings.every(({ heardMs }) => performance.now() - heardMs > 1_000),
    );
    const late = pings.map(({ heardMs }) => Math.round(heardMs - appliedMs));
    console.info(`a policy was in force on each host within ${late.join(', ')} ms after it was applied`);
    expectInTime(Math.max(...late), 1_000);
  } finally {
    for (const ping of pings) ping[Symbol.dispose]();
  }
}
