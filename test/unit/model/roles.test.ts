import { expect, test } from '@jest/globals';
import { rolesText } from '../../../src/cli/documents/etcd-roles.js';
import { byHostKeys } from '../../../src/model/by-host.js';
import { grantsOf, keys, SHARED } from '../../../src/model/keys.js';

const HOST = '0000abcd-0000-4000-8000-000000000001';
const OTHER = '00000000-0000-4000-8000-000000000002';
/** Under which each host has keys that it alone writes. */
const BY_HOST = [
  keys.hosts(),
  keys.aliveHosts(),
  keys.allHostProblems(),
  keys.putBacks(),
  byHostKeys.byHost(),
];

const mayWrite = (key: string) =>
  grantsOf(HOST).some(
    (grant) =>
      grant.access === 'readwrite' && (grant.isPrefix ? key.startsWith(grant.key) : key === grant.key),
  );

test('every kind of key is either shared by the hosts or under the id of one', () => {
  const prefixes = Object.values(keys).flatMap((make) =>
    make.length === 0 ? [(make as () => string)()] : [],
  );
  const known = [...SHARED, ...BY_HOST, keys.poolGuard()];
  expect(prefixes.filter((prefix) => !known.some((each) => prefix.startsWith(each)))).toEqual([]);
});

test("a host's user writes its own keys and what is shared, and nothing of another host's", () => {
  const own = (id: string) => [
    ...[keys.host(id), keys.alive(id), keys.hostProblems(id), keys.putBack(id)],
    `${keys.bindingsOfHost(id)}n/d`,
  ];
  for (const key of [...own(HOST), keys.poolGuard(), ...SHARED.map((each) => `${each}x`)])
    expect([key, mayWrite(key)]).toEqual([key, true]);
  for (const key of own(OTHER)) expect([key, mayWrite(key)]).toEqual([key, false]);
});

test('what would write elsewhere is no host id', () => {
  for (const host of ['', '..', 'a/b', HOST.toUpperCase(), `${HOST}x`])
    expect(() => rolesText({ host, user: 'xnet', prefix: '/xnet/' })).toThrow(/is no host id/);
});
