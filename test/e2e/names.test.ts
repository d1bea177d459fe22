import { expect } from '@jest/globals';
import {
  type Container,
  createMirroredNetwork,
  runContainer,
  succeeds,
} from '../support/containers/containers.js';
import { Lookups } from '../support/dns/lookups.js';
import type { Engine, Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

/** A name is known elsewhere a moment after `docker run` has returned. */
async function digs(from: Container, name: string, addresses: readonly string[], ...args: string[]) {
  const isSo = async () => (await from.dig(...args, name)).sort().join() === [...addresses].sort().join();
  await eventually(`${from.name} finds ${addresses.join(' and ') || 'nothing'} at ${name}`, isSo);
}

async function startPair(lab: Lab): Promise<[Container, Container, string]> {
  await createMirroredNetwork(lab, 'shop');
  const web = await runContainer(lab, 'h1', 'shop', { name: 'web' });
  const db = await runContainer(lab, 'h2', 'shop', { name: 'db' });
  const address = await db.address();
  await digs(web, 'db', [address]);
  return [web, db, address];
}

for (const engine of ['28', '20.10'] satisfies Engine[]) {
  describeInLab(`names on Docker ${engine}`, { hosts: 3, engine }, (test) => {
    test('container, alias, host name, short id and Compose service are found from another host, with and without the network', async (lab) => {
      await createMirroredNetwork(lab, 'shop');
      const web = await runContainer(lab, 'h1', 'shop', { name: 'web' });
      const service = ['--label', 'com.docker.compose.service=database'];
      const options = ['--network-alias', 'pg', '--hostname', 'hosty', '--expose', '5432', ...service];
      const db = await runContainer(lab, 'h2', 'shop', { name: 'shop-db-1', options });
      const address = await db.address();
      const id = (await db.inspect('{{.Id}}')).slice(0, 12);
      await digs(web, 'shop-db-1', [address]);
      for (const name of ['pg', 'hosty', 'database', id, 'PG']) {
        expect(await web.dig(name)).toEqual([address]);
        expect(await web.dig(`${name}.shop`)).toEqual([address]);
      }
      expect(await web.dig('+tcp', 'pg')).toEqual([address]);
      expect(await web.dig('-x', address)).toEqual(['shop-db-1.shop.']);
      expect(await web.dig('SRV', '_5432._tcp.pg')).toEqual(['0 0 5432 shop-db-1.shop.']);
      expect(await web.dig('SRV', '_80._tcp.pg')).toEqual([]);
      expect(await web.exec('dig', 'AAAA', 'pg')).toMatch(/status: NOERROR.*ANSWER: 0/s);
    });

    test('ping, getent, nslookup, curl, and a client of musl find it', async (lab) => {
      const [web, , address] = await startPair(lab);
      expect(await web.exec('ping', '-c', '1', '-w', '10', 'db')).toContain(`(${address})`);
      expect(await web.exec('getent', 'hosts', 'db')).toContain(address);
      expect(await web.exec('getent', 'ahosts', 'db.shop')).toContain(address);
      expect(await web.exec('busybox', 'nslookup', 'db')).toContain(address);
      expect(await web.exec('musl-getent', 'db')).toContain(address);
      expect(await web.greetOverTcp('db')).toBe('db');
    });

    test('renames, aliases of a later connect, stop, start and removal are followed', async (lab) => {
      const [web, db, address] = await startPair(lab);
      await lab.docker('h2', 'rename', 'db', 'store');
      await digs(web, 'store', [address]);
      await digs(web, 'db', []);
      await lab.docker('h2', 'network', 'disconnect', 'shop', 'store');
      await digs(web, 'store', []);
      await lab.docker('h2', 'network', 'connect', '--alias', 'data', 'shop', 'store');
      const store = { ...db, name: 'store' };
      const again = await lab.docker(
        'h2',
        'inspect',
        '-f',
        '{{.NetworkSettings.Networks.shop.IPAddress}}',
        store.name,
      );
      await digs(web, 'data', [again]);
      expect(await web.dig('store')).toEqual([again]);
      await lab.docker('h2', 'stop', '-t', '0', 'store');
      await digs(web, 'data', []);
      await lab.docker('h2', 'start', 'store');
      await eventually('store is found again', async () => (await web.dig('data')).length === 1);
      await lab.docker('h2', 'rm', '-f', 'store');
      await digs(web, 'store', []);
    });

    test('a container finds the names of its own networks only, as it joins and leaves them', async (lab) => {
      const [web] = await startPair(lab);
      await createMirroredNetwork(lab, 'back', ['--internal']);
      const secret = await runContainer(lab, 'h3', 'back', { name: 'secret' });
      const peer = await runContainer(lab, 'h2', 'back', { name: 'peer' });
      const address = await secret.address();
      await digs(peer, 'secret', [address]);
      expect(await web.dig('secret')).toEqual([]);
      // Docker 20.10 leaves queries of an --internal network's containers that it has no answer to without one.
      expect(await succeeds(peer.exec('getent', 'hosts', 'web'))).toBe(false);
      await lab.docker('h1', 'network', 'connect', 'back', 'web');
      await digs(web, 'secret', [address]);
      expect(await web.dig('secret.back')).toEqual([address]);
      expect(await web.dig('db')).toHaveLength(1);
      await lab.docker('h1', 'network', 'disconnect', 'back', 'web');
      await digs(web, 'secret', []);
      expect(await web.dig('db')).toHaveLength(1);
    });

    test('everything else is answered as Docker answers: the outside, other networks, what nobody knows', async (lab) => {
      const [web] = await startPair(lab);
      const outside = await lab.outside();
      for (const how of ['+notcp', '+edns=0', '+noedns']) {
        expect(await web.dig(how, 'outside.lab')).toEqual([outside]);
      }
      expect(await web.exec('dig', 'nobody')).toContain('NXDOMAIN');
      await lab.docker('h1', 'network', 'create', 'private');
      await lab.docker('h1', 'network', 'connect', 'private', 'web');
      const near = await runContainer(lab, 'h1', 'private', { name: 'near' });
      expect(await web.dig('near')).toEqual([await near.address()]);
      expect(await near.dig('db')).toEqual([]);
      await lab.docker('h1', 'rm', '-f', 'web', 'near');
      await lab.docker('h1', 'network', 'rm', 'private');
    });

    test('six containers of one alias on three hosts get their share of 600 look-ups', async (lab) => {
      await createMirroredNetwork(lab, 'shop');
      const client = await runContainer(lab, 'h1', 'shop', { name: 'client' });
      const addresses: string[] = [];
      for (const host of [...lab.hosts, ...lab.hosts]) {
        const server = await runContainer(lab, host, 'shop', { options: ['--network-alias', 'api'] });
        addresses.push(await server.address());
      }
      const lookups = await Lookups.from(client);
      await lookups.finds('api', addresses);
      const firsts: (string | undefined)[] = [];
      for (let asked = 0; asked < 600; asked++) firsts.push((await lookups.ask('api'))?.[0]);
      const counts = addresses.map((address) => firsts.filter((first) => first === address).length);
      expect(counts.reduce((sum, count) => sum + count)).toBe(600);
      for (const count of counts) {
        expect(count).toBeGreaterThanOrEqual(60);
        expect(count).toBeLessThanOrEqual(140);
      }
    });

    test('IPv6: AAAA and PTR, also of a network of IPv6 alone', async (lab) => {
      await createMirroredNetwork(lab, 'shop', ['--ipv6']);
      const web = await runContainer(lab, 'h1', 'shop', { name: 'web' });
      const db = await runContainer(lab, 'h2', 'shop', { name: 'db' });
      const address = await db.address6();
      await digs(web, 'db', [address], 'AAAA');
      expect(await web.dig('-x', address)).toEqual(['db.shop.']);
      expect(await web.exec('ping', '-6', '-c', '1', '-w', '10', 'db')).toContain('1 received');
    });

    test('names of odd characters and of 300 bytes harm nobody', async (lab) => {
      const [web, , address] = await startPair(lab);
      const odd = await runContainer(lab, 'h2', 'shop', {
        name: 'odd.name-with_all',
        options: ['--network-alias', 'a b', '--network-alias', 'x'.repeat(300), '--network-alias', '..'],
      });
      await digs(web, 'odd.name-with_all', [await odd.address()]);
      expect(await succeeds(web.exec('getent', 'hosts', 'x'.repeat(300)))).toBe(false);
      expect(await succeeds(web.exec('getent', 'hosts', `${'x'.repeat(63)}.`.repeat(4)))).toBe(false);
      expect(await web.dig('db')).toEqual([address]);
    });
  });
}

describeInLab('names from the first instruction', { hosts: 3 }, (test) => {
  test(
    '200 containers of 200 look up and ping another host by name in their first instruction',
    async (lab) => {
      await startPair(lab);
      const ping = ['run', '--rm', '--network', 'shop', 'tools', 'ping', '-c', '1', '-W', '3', 'db'];
      const runner = async (host: string) => {
        for (let count = 0; count < 100; count++) await lab.docker(host, ...ping);
      };
      await Promise.all(['h1', 'h3'].map(runner));
    },
    { timeoutMs: 400_000 },
  );
});
