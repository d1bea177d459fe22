import { expect } from '@jest/globals';
import { bringUp, compose } from '../support/containers/compose.js';
import {
  Container,
  createMirroredNetwork,
  isEverywhere,
  runContainer,
} from '../support/containers/containers.js';
import { Lookups } from '../support/dns/lookups.js';
import type { Engine, Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

const DB = { options: ['--network-alias', 'db'] };

/** A container on h2 that calls itself db in the network of the cluster: it must never be found in place of one's own. */
async function startStranger(lab: Lab, network = 'shop'): Promise<[Container, string]> {
  await createMirroredNetwork(lab, network);
  const stranger = await runContainer(lab, 'h2', network, { name: `stranger-${network}`, ...DB });
  const neighbour = await runContainer(lab, 'h1', network, { name: `neighbour-${network}` });
  const address = await stranger.address();
  await (await Lookups.from(neighbour)).finds('db', [address]);
  return [neighbour, address];
}

/** An application of h1: web and its own db in a network of that host alone. */
async function startApplication(
  lab: Lab,
  options: readonly string[] = [],
): Promise<[Container, Container, string]> {
  await lab.docker('h1', 'network', 'create', ...options, 'own');
  const db = await runContainer(lab, 'h1', 'own', { name: 'own-db', ...DB });
  const web = await runContainer(lab, 'h1', 'own', { name: 'web' });
  const address = await db.address();
  expect(await web.dig('db')).toEqual([address]);
  return [web, db, address];
}

async function endApplication(lab: Lab): Promise<void> {
  await lab.docker('h1', 'rm', '-f', 'web', 'own-db');
  await lab.docker('h1', 'network', 'rm', 'own');
}

/** All answers to `name` while `work` goes on; each as one text. */
async function answersDuring(
  from: Container,
  name: string,
  work: () => Promise<unknown>,
): Promise<Set<string>> {
  const lookups = await Lookups.from(from);
  const answers = new Set<string>();
  let isDone = false;
  const asking = (async () => {
    while (!isDone) {
      const answer = await lookups.ask(name);
      if (answer) answers.add(answer.join());
    }
  })();
  await work().finally(() => {
    isDone = true;
  });
  await asking;
  return answers;
}

/** What a container prints whose first instruction asks for `db`; "nobody" where it finds none. */
function asksAtOnce(lab: Lab, ...options: string[]): Promise<string> {
  const script = "getent ahostsv4 db | awk 'NR==1 {print $1}' | grep . || echo nobody";
  return lab.docker('h1', 'run', '--rm', '--network', 'shop', ...options, 'tools', 'sh', '-c', script);
}

for (const engine of ['28', '20.10'] satisfies Engine[]) {
  describeInLab(`private names on Docker ${engine}`, { hosts: 2, engine }, (test) => {
    test('a link comes before a container of that name on another host, for its container alone', async (lab) => {
      const [neighbour, stranger] = await startStranger(lab);
      const pg = await runContainer(lab, 'h1', 'shop', { name: 'pgtest' });
      const app = await runContainer(lab, 'h1', 'shop', { name: 'app', options: ['--link', 'pgtest:db'] });
      const address = await pg.address();
      const lookups = await Lookups.from(app);
      await lookups.finds('db', [address]);
      await lookups.finds('db.shop', [address]);
      expect(await app.dig('+tcp', 'db')).toEqual([address]);
      expect(await app.greetOverTcp('db')).toBe('pgtest');
      expect(await neighbour.dig('db')).toEqual([stranger]);
      const answers = await answersDuring(app, 'db', () => lab.docker('h1', 'restart', '-t', '0', 'pgtest'));
      expect([...answers]).not.toContain(stranger);
      await lookups.finds('db', [await pg.address()]);
    });

    test('a link leads to a container on another host too', async (lab) => {
      const [neighbour, stranger] = await startStranger(lab);
      const far = await runContainer(lab, 'h2', 'shop', { name: 'far' });
      const address = await far.address();
      await (await Lookups.from(neighbour)).finds('far', [address]);
      const app = await runContainer(lab, 'h1', 'shop', { name: 'app', options: ['--link', 'far:db'] });
      const lookups = await Lookups.from(app);
      await lookups.finds('db', [address]);
      await lab.docker('h2', 'rm', '-f', 'far');
      await lookups.finds('db', []);
      expect(stranger).not.toBe(address);
    });

    test('--add-host comes before all', async (lab) => {
      await startStranger(lab);
      expect(await asksAtOnce(lab, '--add-host', 'db:192.0.2.9')).toBe('192.0.2.9');
    });

    test('what a container finds in a network of its own host stays so when it joins one of the cluster', async (lab) => {
      const [, stranger] = await startStranger(lab);
      const [web, db, own] = await startApplication(lab);
      const connect = () => lab.docker('h1', 'network', 'connect', 'shop', 'web');
      const whileConnecting = await answersDuring(web, 'db', connect);
      expect([...whileConnecting]).toEqual([own]);
      const lookups = await Lookups.from(web);
      await eventually(
        'web finds the names of the cluster',
        async () => (await lookups.ask('stranger-shop'))?.[0] === stranger,
      );
      await lookups.finds('db', [own]);
      await lookups.finds('db.own', [own]);
      await lookups.finds('db.shop', [stranger]);
      expect(await web.dig('-x', own)).toEqual(['own-db.own.']);
      const restarting = await answersDuring(web, 'db', () =>
        lab.docker('h1', 'restart', '-t', '0', 'own-db'),
      );
      expect([...restarting]).not.toContain(stranger);
      await lookups.finds('db', [await db.address()]);
      // The name is free.
      await lab.docker('h1', 'rm', '-f', 'own-db');
      await lookups.finds('db', [stranger]);
      await runContainer(lab, 'h1', 'own', { name: 'own-db', ...DB });
      await lookups.finds('db', [await db.address()]);
      await lab.docker('h1', 'network', 'disconnect', 'own', 'web');
      await lookups.finds('db', [stranger]);
      await endApplication(lab);
    });

    test('nor when xnet dies and starts again, nor where the others are on the same host', async (lab) => {
      const [, stranger] = await startStranger(lab);
      const near = await runContainer(lab, 'h1', 'shop', {
        name: 'near',
        options: ['--network-alias', 'db'],
      });
      // Docker itself asks an --internal network last.
      const [web, , own] = await startApplication(lab, ['--internal']);
      await lab.docker('h1', 'network', 'connect', 'shop', 'web');
      const lookups = await Lookups.from(web);
      await lookups.finds('db', [own]);
      const answers = await answersDuring(web, 'db', () => lab.xnet('h1', 'crash'));
      expect([...answers].filter((answer) => answer.includes(stranger) || answer.includes('10.192'))).toEqual(
        [],
      );
      await lookups.finds('db', [own]);
      await lookups.finds('db.shop', [stranger, await near.address()]);
      await endApplication(lab);
    });

    test('of several networks of the cluster the first by name that has it answers, internal ones last', async (lab) => {
      const [, inShop] = await startStranger(lab, 'shop');
      const [, inBack] = await startStranger(lab, 'back');
      await createMirroredNetwork(lab, 'aa', ['--internal']);
      const hidden = await runContainer(lab, 'h2', 'aa', { name: 'hidden', ...DB });
      const web = await runContainer(lab, 'h1', 'shop', { name: 'web' });
      const lookups = await Lookups.from(web);
      await lookups.finds('db', [inShop]);
      await lab.docker('h1', 'network', 'connect', 'aa', 'web');
      await lookups.finds('db.aa', [await hidden.address()]);
      await lookups.finds('db', [inShop]);
      await lab.docker('h1', 'network', 'connect', 'back', 'web');
      await lookups.finds('db', [inBack]);
      await lookups.finds('db.shop', [inShop]);
    });
  });
}

/** An application with a network of its own, which is in shop too. */
const COMPOSE_FILE = `
x-service: &service
  image: tools
  pull_policy: never
  command: sleep 1d
  stop_signal: SIGKILL
services:
  pgtest: { <<: *service, networks: [shop] }
  cache: { <<: *service, networks: [default] }
  app:
    <<: *service
    networks: [default, shop]
    links: [pgtest:db]
    external_links: [outsider:ext]
    extra_hosts: [pinned=192.0.2.9]
networks:
  default: {}
  shop: { external: true }
`;

describeInLab('private names from the first instruction', { hosts: 2 }, (test) => {
  test("Compose's links, external_links, extra_hosts and services come before another host's", async (lab) => {
    await startStranger(lab);
    const aliases = ['ext', 'cache', 'pinned', 'free'].flatMap((alias) => ['--network-alias', alias]);
    const other = await runContainer(lab, 'h2', 'shop', { name: 'other', options: aliases });
    const outsider = await runContainer(lab, 'h1', 'shop', { name: 'outsider' });
    await bringUp(lab, 'h1', COMPOSE_FILE);
    const addressOf = (service: string, network: string) =>
      new Container(lab, 'h1', `app-${service}-1`, network).address();
    const find = async (name: string) => {
      const lines = await compose(lab, 'h1', 'exec', '-T', 'app', 'getent', 'ahostsv4', name);
      return lines.split(/\s/)[0];
    };
    await eventually(
      'app finds the names of the cluster',
      async () => (await find('free')) === (await other.address()),
    );
    expect(await find('db')).toBe(await addressOf('pgtest', 'shop'));
    expect(await find('ext')).toBe(await outsider.address());
    expect(await find('cache')).toBe(await addressOf('cache', 'app_default'));
    expect(await find('pinned')).toBe('192.0.2.9');
    await compose(lab, 'h1', 'down', '-t', '0');
  });

  test('links, networks of the host and --gw-priority hold in containers that ask at once', async (lab) => {
    const [, stranger] = await startStranger(lab);
    await createMirroredNetwork(lab, 'zoo');
    await isEverywhere(lab, 'zoo');
    const keeper = await runContainer(lab, 'h2', 'zoo', { name: 'keeper', ...DB });
    const pg = await runContainer(lab, 'h1', 'shop', { name: 'pgtest' });
    const [, , own] = await startApplication(lab);
    const [linked, inZoo] = [await pg.address(), await keeper.address()];
    for (let count = 0; count < 3; count++) {
      expect(await asksAtOnce(lab)).toBe(stranger);
      expect(await asksAtOnce(lab, '--link', 'pgtest:db')).toBe(linked);
      expect(await asksAtOnce(lab, '--network', 'own')).toBe(own);
      expect(await asksAtOnce(lab, '--network', 'name=zoo,gw-priority=1')).toBe(inZoo);
    }
    await endApplication(lab);
  });
});
