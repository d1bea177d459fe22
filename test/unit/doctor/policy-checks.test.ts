import { expect, test } from '@jest/globals';
import { judgeDenied, judgePolicies } from '../../../src/doctor/policy/policy-checks.js';

const POLICY = { name: 'db-only-from-web', network: undefined, labels: 'app=db', selected: 1 };

test('a policy that selects no container is found, with why it may be so', () => {
  expect(judgePolicies([], [])).toEqual([{ verdict: 'ok', found: 'none' }]);
  expect(judgePolicies([POLICY], [])).toEqual([{ verdict: 'ok', found: '1, each selects a container' }]);
  const shop = { name: 'shop', isThere: true };
  const found = judgePolicies(
    [
      { ...POLICY, selected: 0 },
      { ...POLICY, selected: 0, network: shop },
      { ...POLICY, selected: 0, network: { ...shop, isThere: false } },
    ],
    [],
  );
  expect(found.map(({ verdict }) => verdict)).toEqual(['warning', 'warning', 'warning']);
  expect(found.map((each) => each.found)).toEqual([
    'policy db-only-from-web selects no container: none has app=db',
    'policy db-only-from-web selects no container: none in network shop has app=db',
    'policy db-only-from-web selects no container: the cluster has no network shop',
  ]);
  expect(found[0]?.remedy).toMatch(/xnet policy rm db-only-from-web$/);
});

test('a container whose labels are not published is found where policies are in force', () => {
  const unlabelled = { container: 'db; rm', network: 'shop', host: 'h2' };
  const [found] = judgePolicies([POLICY], [{ ...unlabelled, isClosed: true }]);
  expect(found?.found).toBe(
    'network shop: the labels of db; rm on h2 are not known, so that nobody reaches it while policies are in force there',
  );
  expect(found?.remedy).toMatch(/^docker inspect -f '\{\{json .Config.Labels\}\}' 'db; rm' /);
  const [isolated] = judgePolicies([], [{ ...unlabelled, isClosed: false }]);
  expect(isolated?.found).toBe(
    'network shop: the labels of db; rm on h2 are not known, so that it is no gateway of the network, which is isolated',
  );
});

test('what policies dropped is said once for each pair, and is no fault', () => {
  const denied = (what: string) => ({ kind: 'denied' as const, what });
  const pair = 'policy db-only-from-web: other -> db:7/tcp';
  const seen = [1, 2].map((times) => denied(`${pair} dropped ${times} times`));
  expect(judgeDenied([{ kind: 'repair', what: 'policy: 1' }])[0]?.found).toMatch(/dropped nothing/);
  expect(judgeDenied([...seen, denied('policy p: a -> b:1/tcp would be dropped 1 times')])).toEqual([
    { verdict: 'ok', found: `dropped here in the last hour: ${pair}; policy p: a -> b:1/tcp` },
  ]);
  const many = Array.from({ length: 8 }, (_, i) => denied(`isolation: a${i} -> b:1/tcp dropped 1 times`));
  const more = [...many, denied('40 more pairs of containers and ports')];
  expect(judgeDenied(more)[0]?.found).toMatch(/a3 -> .*a7 -> b:1\/tcp, and 43 more \(xnet events\)$/);
  expect(judgeDenied(many)[0]?.found).toMatch(/a3 -> .*a7 -> b:1\/tcp, and 3 more \(xnet events\)$/);
});
