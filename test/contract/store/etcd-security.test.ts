/** Who may use the etcd store, and what keeps several users of one etcd apart. */

import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { rolesText } from '../../../src/cli/documents/etcd-roles.js';
import { keys } from '../../../src/model/keys.js';
import { openStore } from '../../../src/store/open-store.js';
import { createAuthority, readPems } from '../../support/store/certificates.js';
import { type EtcdCluster, startEtcd } from '../../support/store/etcd.js';
import { WatchRecorder } from '../../support/store/watch-recorder.js';

const stateDirectory = '/nonexistent';

describe('TLS', () => {
  test('with a client certificate works; without, or with one of another CA, it is refused with the reason', async () => {
    await using authority = await createAuthority();
    await using stranger = await createAuthority();
    const server = { ca: authority.ca, ...(await authority.issue('server')) };
    const client = await readPems({ ca: authority.ca, ...(await authority.issue('client')) });
    const other = await readPems({ ca: stranger.ca, ...(await stranger.issue('client')) });
    await using cluster = await startEtcd({ tls: server });
    const timeouts = { budgetMs: 2000 };
    const open = (tls: { ca?: string; cert?: string; key?: string }) =>
      openStore({ url: cluster.url, stateDirectory, tls, timeouts });

    await using store = await open(client);
    await store.commit([], [{ put: 'a', value: '1' }]);
    expect((await store.get('a'))?.value).toBe('1');
    await using watch = new WatchRecorder(store, '');
    await watch.until(({ state }) => state.has('a'));

    await using nobody = await open({ ca: client.ca });
    await expect(nobody.get('a')).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('client certificate'),
    });
    await using distrustful = await open(other);
    await expect(distrustful.get('a')).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('its certificate is not of the given CA'),
    });
  });

  test('a member by itself is asked how long its certificate is valid, or why it refuses that of this host', async () => {
    await using authority = await createAuthority();
    await using stranger = await createAuthority();
    const server = { ca: authority.ca, ...(await authority.issue('server')) };
    const client = await readPems({ ca: authority.ca, ...(await authority.issue('client')) });
    const { cert, key } = await readPems({ ca: stranger.ca, ...(await stranger.issue('client')) });
    await using cluster = await startEtcd({ tls: server });
    const open = (tls: { ca?: string; cert?: string; key?: string }) =>
      openStore({ url: cluster.url, stateDirectory, tls, timeouts: { budgetMs: 2000 } });

    await using store = await open(client);
    const [member] = (await store.members?.()) ?? [];
    expect(member?.certificateEndMs).toBeGreaterThan(Date.now());
    await using impostor = await open({ ...client, ...(cert && { cert }), ...(key && { key }) });
    expect(await impostor.members?.()).toMatchObject([
      { problem: 'it wants a client certificate of its CA' },
    ]);
  });
});

/** An etcd with users root and xnet; xnet may use /xnet/ only. Tokens last 2 s. */
async function startWithUsers(): Promise<EtcdCluster> {
  const cluster = await startEtcd({ extraArguments: ['--auth-token-ttl', '2'] });
  for (const command of [
    'user add root:secret',
    'role add xnet',
    'role grant-permission xnet --prefix=true readwrite /xnet/',
    'user add xnet:right',
    'user grant-role xnet xnet',
    'auth enable',
  ]) {
    await cluster.ctl(command.split(' '));
  }
  return cluster;
}

describe('user and password', () => {
  test('open the store; a wrong password or a foreign prefix is denied, naming the user', async () => {
    await using cluster = await startWithUsers();
    const open = (password: string, prefix: string) =>
      openStore({ url: cluster.url, stateDirectory, prefix, credentials: { user: 'xnet', password } });
    await using store = await open('right', '/xnet/');
    expect((await store.commit([], [{ put: 'a', value: '1' }])).committed).toBe(true);
    const denied = { code: 'STORE_DENIED', message: expect.stringContaining('user xnet') };
    await using wrong = await open('wrong', '/xnet/');
    await expect(wrong.get('a')).rejects.toMatchObject(denied);
    await using foreign = await open('right', '/other/');
    await expect(foreign.get('a')).rejects.toMatchObject(denied);
    await expect(foreign.commit([], [{ put: 'a', value: '1' }])).rejects.toMatchObject(denied);
    await using nobody = await openStore({ url: cluster.url, stateDirectory });
    await expect(nobody.get('a')).rejects.toMatchObject({
      code: 'STORE_DENIED',
      message: expect.stringContaining('no user'),
    });
  });

  test('are given again when a session expires or etcd forgets it', async () => {
    await using cluster = await startWithUsers();
    const credentials = { user: 'xnet', password: 'right' };
    await using store = await openStore({ url: cluster.url, stateDirectory, credentials });
    await store.commit([], [{ put: 'a', value: '1' }]);
    await using watch = new WatchRecorder(store, '');
    await watch.until(({ state }) => state.has('a'));
    await delay(5000);
    await store.commit([], [{ put: 'a', value: '2' }]);
    await watch.until(({ state }) => state.get('a') === '2');
    await cluster.member(0).kill();
    cluster.member(0).start();
    // A commit on the connection that died just now would be of unknown outcome; a read may be repeated.
    await store.get('a');
    await store.commit([], [{ put: 'a', value: '3' }]);
    await watch.until(({ state }) => state.get('a') === '3');
    await using second = new WatchRecorder(store, '');
    await second.until(({ state }) => state.get('a') === '3');
  });

  test('to an etcd without authentication are told to be one too many', async () => {
    await using cluster = await startEtcd();
    const credentials = { user: 'xnet', password: 'right' };
    await using store = await openStore({ url: cluster.url, stateDirectory, credentials });
    await expect(store.get('a')).rejects.toMatchObject({
      code: 'STORE_DENIED',
      message: expect.stringContaining('authentication is not enabled'),
    });
  });
});

describe('the CN of a client certificate', () => {
  test("is the user: with the rights of one host, nothing of another's is written, and what is shared is", async () => {
    const [own, other] = [1, 2].map((number) => `0000abcd-0000-4000-8000-00000000000${number}`) as [
      string,
      string,
    ];
    await using authority = await createAuthority();
    const server = { ca: authority.ca, ...(await authority.issue('root')) };
    const tls = await readPems({ ca: authority.ca, ...(await authority.issue('h1.example')) });
    await using cluster = await startEtcd({ tls: server });
    const commands = rolesText({ host: own, user: 'h1.example', prefix: '/xnet/' });
    await cluster.ctl(['user', 'add', 'root', '--no-password']);
    for (const line of commands.trim().split('\n')) await cluster.ctl(line.split(' ').slice(1));
    await cluster.ctl(['auth', 'enable']);
    await using store = await openStore({ url: cluster.url, stateDirectory, prefix: '/xnet/', tls });
    for (const key of [keys.host(own), `${keys.bindingsOfHost(own)}n/d`, keys.network('n'), keys.poolGuard()])
      expect(await store.commit([], [{ put: key, value: '{}' }])).toMatchObject({ committed: true });
    const denied = {
      code: 'STORE_DENIED',
      message: expect.stringMatching(/permission denied; xnet etcd-roles/),
    };
    for (const key of [keys.host(other), keys.alive(other), `${keys.bindingsOfHost(other)}n/d`])
      await expect(store.commit([], [{ put: key, value: '{}' }])).rejects.toMatchObject(denied);
    // Of one commit all is refused.
    const both = [keys.host(own), keys.host(other)].map((remove) => ({ remove }));
    await expect(store.commit([], both)).rejects.toMatchObject(denied);
    expect(await store.get(keys.host(own))).toBeDefined();
    await using watch = new WatchRecorder(store, '');
    await watch.until(({ state }) => state.has(keys.network('n')));
  });
});

describe('prefixes', () => {
  test('keep stores in one etcd apart, also when one prefix begins with another', async () => {
    await using cluster = await startEtcd();
    const open = (prefix: string) => openStore({ url: cluster.url, stateDirectory, prefix });
    await using one = await open('/one/');
    await using ten = await open('/one0/');
    await using watch = new WatchRecorder(one, '');
    await one.commit([], [{ put: 'a', value: 'one' }]);
    await ten.commit(
      [],
      [
        { put: 'a', value: 'ten' },
        { put: 'b', value: 'ten' },
      ],
    );
    expect(await cluster.ctl(['get', '/one/a', '--print-value-only'])).toBe('one');
    expect((await one.list('')).entries.map(({ key, value }) => `${key}=${value}`)).toEqual(['a=one']);
    await ten.commit([], [{ removePrefix: '' }]);
    await one.commit([], [{ put: 'last', value: '1' }]);
    await watch.until(({ state }) => state.has('last'));
    expect([...watch.state]).toEqual([
      ['a', 'one'],
      ['last', '1'],
    ]);
  });
});
