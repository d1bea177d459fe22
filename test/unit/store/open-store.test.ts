import { describe, expect, test } from '@jest/globals';
import { openStore, parseEtcdUrl } from '../../../src/store/open-store.js';

describe('parseEtcdUrl', () => {
  test.each([
    ['etcd://h1:2379,h2:2380', ['http://h1:2379', 'http://h2:2380']],
    ['etcd://h1', ['http://h1:2379']],
    ['etcds://h1.example.org/', ['https://h1.example.org:2379']],
    ['etcd://10.0.0.1:2379, 10.0.0.2', ['http://10.0.0.1:2379', 'http://10.0.0.2:2379']],
    ['etcd://[2001:db8::1]:2379', ['http://[2001:db8::1]:2379']],
  ])('reads %s', (url, endpoints) => {
    expect(parseEtcdUrl(url, false)).toEqual(endpoints);
  });

  test('takes etcd:// as TLS when certificates are given', () => {
    expect(parseEtcdUrl('etcd://h1', true)).toEqual(['https://h1:2379']);
  });

  test.each([
    '',
    'etcd',
    'etcd://',
    'etcd://h1,,h2',
    'http://h1:2379',
    'etcd://h1:0',
    'etcd://h1:99999',
    'etcd://user:pw@h1',
  ])('refuses %p', (url) => {
    expect(() => parseEtcdUrl(url, false)).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });
});

describe('openStore', () => {
  test('refuses a client certificate without its key', async () => {
    const config = { url: 'etcd://h1', stateDirectory: '/nonexistent', tls: { cert: 'x' } };
    await expect(openStore(config)).rejects.toMatchObject({ code: 'INVALID' });
  });

  test('does not wait for an etcd that is not there, and shows no password', async () => {
    const credentials = { user: 'xnet', password: 'secret' };
    await using store = await openStore({
      url: 'etcd://127.0.0.1:1',
      stateDirectory: '/nonexistent',
      credentials,
    });
    expect(store.description).toBe('etcd http://127.0.0.1:1 under /xnet/');
  });
});
