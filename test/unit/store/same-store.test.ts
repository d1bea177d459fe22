import { expect, test } from '@jest/globals';
import { isSameStore } from '../../../src/store/known/same-store.js';

const ETCD = 'etcd http://a:2379,http://b:2379 under /xnet/';

test.each([
  [ETCD, ETCD, true],
  ['the members in another order', 'etcd http://b:2379,http://a:2379 under /xnet/', true],
  ['one member more', 'etcd http://c:2379,http://b:2379,http://a:2379 under /xnet/', true],
  ['one member replaced', 'etcd http://b:2379,http://c:2379 under /xnet/', true],
  ['other members', 'etcd http://c:2379 under /xnet/', false],
  ['another prefix', 'etcd http://a:2379,http://b:2379 under /other/', false],
  ['a member whose name is the beginning of another', 'etcd http://a:23790 under /xnet/', false],
  ['the embedded store', 'embedded /var/lib/xnet/store', false],
  ['nothing', '', false],
])('%s', (_, other, isSame) => {
  expect(isSameStore(ETCD, other)).toBe(isSame);
  expect(isSameStore(other, ETCD)).toBe(isSame);
});

test('a store that is no etcd is known by its whole text', () => {
  expect(isSameStore('a store in memory', 'a store in memory')).toBe(true);
});
