/** Which entries a routed network has for endpoints on other hosts. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { RemoteEndpoint } from '../../../src/dataplane/dataplane.js';
import { RemoteRoutes } from '../../../src/dataplane/routed/remote-routes.js';

const OWN = '192.0.2.1';
const OTHER = '192.0.2.2';
/** Of the other in a tunnel. */
const IN_TUNNEL = '0e:00:c0:00:02:02';
const ON_SEGMENT = '02:00:00:00:00:02';

const endpoint = (more: Partial<RemoteEndpoint> = {}): RemoteEndpoint => ({
  ...{ mac: '02:11:0a:01:00:05', addresses: ['10.1.0.5'], vtep: OTHER, since: 1 },
  ...more,
});

function wanted(routes: RemoteRoutes): Record<string, string> {
  const pairs = routes.names().flatMap((name) => {
    const value = routes.find(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(pairs.sort());
}

function routesOf(...endpoints: readonly RemoteEndpoint[]): Record<string, string> {
  const routes = new RemoteRoutes(OWN);
  const remotes = new Map(endpoints.map((each, i) => [`${i}`, each]));
  routes.change(remotes, remotes.keys());
  return wanted(routes);
}

test('one that is not on the segment is reached through the tunnel, and sends through it alone', () => {
  expect(routesOf(endpoint({ addresses: ['10.1.0.5', 'fd01::5'] }))).toEqual({
    [`fdb ${IN_TUNNEL}`]: OTHER,
    'tunnel4 10.1.0.5': IN_TUNNEL,
    'tunnel6 fd01::5': IN_TUNNEL,
    [`from4 10.1.0.5 . ${IN_TUNNEL}`]: '',
    [`from6 fd01::5 . ${IN_TUNNEL}`]: '',
  });
});

test('one that is reached straight may send through the tunnel all the same', () => {
  expect(routesOf(endpoint({ direct: { mac: ON_SEGMENT } }))).toEqual({
    [`fdb ${IN_TUNNEL}`]: OTHER,
    'direct4 10.1.0.5': ON_SEGMENT,
    [`from4 10.1.0.5 . ${IN_TUNNEL}`]: '',
    [`from4 10.1.0.5 . ${ON_SEGMENT}`]: '',
  });
});

test('one that is reached through the tunnel may send straight, if the MAC of its host is known', () => {
  expect(routesOf(endpoint({ segmentMac: ON_SEGMENT }))).toEqual({
    [`fdb ${IN_TUNNEL}`]: OTHER,
    'tunnel4 10.1.0.5': IN_TUNNEL,
    [`from4 10.1.0.5 . ${IN_TUNNEL}`]: '',
    [`from4 10.1.0.5 . ${ON_SEGMENT}`]: '',
  });
});

test('of two endpoints with one address the later has it, in one way', () => {
  const later = endpoint({ vtep: '192.0.2.3', since: 2 });
  const routes = routesOf(later, endpoint({ direct: { mac: ON_SEGMENT } }));
  expect(Object.keys(routes).filter((name) => name.includes('10.1.0.5'))).toEqual([
    'from4 10.1.0.5 . 0e:00:c0:00:02:03',
    'tunnel4 10.1.0.5',
  ]);
});

test('endpoints of this host need nothing', () => {
  expect(routesOf(endpoint({ vtep: OWN }))).toEqual({});
});

test('what is no address or MAC changes nothing', () => {
  const routes = new RemoteRoutes(OWN);
  routes.change(new Map([['a', endpoint()]]), ['a']);
  const before = wanted(routes);
  for (const bad of [{ addresses: ['10.1.0.5 }; flush ruleset'] }, { direct: { mac: 'none' } }])
    expect(() => routes.change(new Map([['a', endpoint(bad)]]), ['a'])).toThrow('is not a');
  expect(wanted(routes)).toEqual(before);
});

test('changes one by one come to what all at once come to, and name all that they concern', () => {
  const remote = fc.record({
    addresses: fc.uniqueArray(
      fc.integer({ min: 2, max: 6 }).map((n) => `10.1.0.${n}`),
      { minLength: 1, maxLength: 2 },
    ),
    vtep: fc.constantFrom(OWN, OTHER, '192.0.2.3'),
    since: fc.integer({ min: 1, max: 3 }),
    direct: fc.option(fc.constant({ mac: ON_SEGMENT }), { nil: undefined }),
  });
  const step = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.option(remote, { nil: undefined }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const routes = new RemoteRoutes(OWN);
      const remotes = new Map<string, RemoteEndpoint>();
      const applied = new Map<string, string>();
      for (const [id, next] of steps) {
        if (next) remotes.set(id, endpoint(next));
        else remotes.delete(id);
        for (const name of routes.change(remotes, [id])) {
          const value = routes.find(name);
          if (value === undefined) applied.delete(name);
          else applied.set(name, value);
        }
      }
      const atOnce = new RemoteRoutes(OWN);
      atOnce.change(remotes, remotes.keys());
      expect(Object.fromEntries([...applied].sort())).toEqual(wanted(atOnce));
    }),
  );
});
