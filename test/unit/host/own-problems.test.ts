import { expect, test } from '@jest/globals';
import { type OwnProblemsParts, ownProblems } from '../../../src/host/own-problems.js';

const ID = 'abcdef012345'.padEnd(64, '0');
const OWN = { id: ID, networkId: 'net', addresses: ['10.1.0.2'], mac: '02:00:00:00:00:01' };

/** Of the endpoint this host's own record is from before Docker has named its container. */
function problemsWith(known: readonly unknown[] | undefined): string[] {
  const none = { problems: [] };
  const parts = {
    ...{
      registration: none,
      changes: none,
      guard: none,
      mirror: none,
      addressWatch: none,
      parentWatch: none,
    },
    ...{ policies: none, deniedFrames: none, lans: none, deviceWatch: none, egressGuard: none },
    names: { failures: 0 },
    drift: { forgers: [{ networkId: 'net', endpointName: ID.slice(0, 12) }] },
    local: { findRecord: () => ({ id: 'net', name: 'shop' }), listEndpoints: () => [OWN] },
    follower: { failures: [], endpointsOf: () => known },
  };
  return ownProblems(parts as unknown as OwnProblemsParts);
}

test.each([
  ['mallory', [{ ...OWN, names: { container: 'mallory', containerId: 'c', names: [] } }]],
  [ID.slice(0, 12), [OWN]],
  [ID.slice(0, 12), undefined],
])('whose packets are dropped is named %s', (name, known) => {
  expect(problemsWith(known)).toEqual([
    expect.stringMatching(
      `^network shop: container ${name} sends packets that are not from its own addresses`,
    ),
  ]);
});
