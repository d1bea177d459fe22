import { describe, expect, test } from '@jest/globals';
import { castGrpcError } from 'etcd3';
import {
  describeFailure,
  finalError,
  NO_ANSWER,
  NOT_SENT,
  unavailableError,
} from '../../../src/store/etcd/etcd-failure.js';

/** As grpc-js throws it and etcd3 passes it on. */
const grpcError = (code: number, message: string) =>
  castGrpcError(Object.assign(new Error(message), { code }));

describe('describeFailure', () => {
  test.each([
    [
      14,
      '14 UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED 10.0.0.1:2379.',
      'connection refused',
      true,
    ],
    [
      14,
      '14 UNAVAILABLE: Name resolution failed for target dns:h1:2379',
      'its name cannot be resolved',
      true,
    ],
    [14, '14 UNAVAILABLE: Connection dropped', 'connection lost', false],
    [14, '14 UNAVAILABLE: read ECONNRESET', 'connection lost', false],
    [14, '14 UNAVAILABLE: etcdserver: request timed out', 'request timed out', false],
    [14, '14 UNAVAILABLE: etcdserver: no leader', 'no leader', true],
    [4, '4 DEADLINE_EXCEEDED: context deadline exceeded', 'no answer in time', false],
    [4, `4 DEADLINE_EXCEEDED: ${NO_ANSWER}`, 'no answer in time', false],
    [4, `4 DEADLINE_EXCEEDED: ${NOT_SENT}`, 'no connection in time', true],
  ])('of code %i %p says %p; never carried out: %p', (code, message, reason, notApplied) => {
    expect(describeFailure(grpcError(code, message))).toMatchObject({
      kind: 'unavailable',
      reason,
      notApplied,
    });
  });

  test.each([
    [3, '3 INVALID_ARGUMENT: etcdserver: authentication failed, invalid user ID or password', 'denied'],
    [7, '7 PERMISSION_DENIED: etcdserver: permission denied', 'denied'],
    [3, '3 INVALID_ARGUMENT: etcdserver: user name is empty', 'denied'],
    [8, '8 RESOURCE_EXHAUSTED: grpc: received message larger than max (3145738 vs. 2097152)', 'refused'],
    [16, '16 UNAUTHENTICATED: session token refused', 'stale-token'],
    [3, '3 INVALID_ARGUMENT: etcdserver: revision of auth store is old', 'stale-token'],
    [5, '5 NOT_FOUND: etcdserver: requested lease not found', 'lease-gone'],
    [3, '3 INVALID_ARGUMENT: etcdserver: request is too large', 'refused'],
  ])('of code %i %p is %p', (code, message, kind) => {
    expect(describeFailure(grpcError(code, message))).toMatchObject({ kind, notApplied: true });
  });
});

test('an unavailable store is told with every endpoint that was asked and why it failed', () => {
  const reasons = new Map([
    ['http://h1:2379', 'connection refused'],
    ['http://h2:2379', 'no answer in time'],
  ]);
  expect(unavailableError(reasons, undefined)).toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message:
      'etcd at http://h1:2379: connection refused; http://h2:2379: no answer in time ' +
      '(see that most of its members run and reach each other)',
  });
});

test('a denial names the user, and the remedy', () => {
  const failure = describeFailure(grpcError(7, '7 PERMISSION_DENIED: etcdserver: permission denied'));
  expect(finalError(failure, 'http://h1:2379', 'xnet', undefined)).toMatchObject({
    code: 'STORE_DENIED',
    message: expect.stringMatching(
      /^etcd at http:.*h1:2379 denies user xnet: permission denied; xnet etcd-roles prints/,
    ),
  });
});
