/**
 * The one place that reads the error texts of etcd and gRPC. Each error becomes an EtcdFailure: what failed, and whether a
 * commit may have been applied nevertheless; and then the XnetError that is thrown.
 */
import {
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdLeaseInvalidError,
  EtcdPermissionDeniedError,
  GRPCDeadlineExceededError,
  GRPCInvalidArgumentError,
  GRPCUnauthenticatedError,
} from 'etcd3';
import { errorMessage, XnetError } from '../../errors.js';

/** Details of a call that our own limit has ended (etcd-limit.ts). */
export const NO_ANSWER = 'no answer in time';
export const NOT_SENT = 'no connection in time';

export interface EtcdFailure {
  readonly kind: 'unavailable' | 'denied' | 'stale-token' | 'lease-gone' | 'no-space' | 'refused';
  /** For people, without endpoint. */
  readonly reason: string;
  /** The request has not been carried out and never will be. */
  readonly notApplied: boolean;
  /** No answer on a connection that may be dead: worth a new one. */
  readonly hung: boolean;
}

export function describeFailure(error: unknown): EtcdFailure {
  const text = errorMessage(error);
  if (error instanceof EtcdLeaseInvalidError) return failure('lease-gone', 'the lease has ended');
  if (isStaleToken(error, text)) return failure('stale-token', 'the session has expired');
  if (isDenied(error, text)) return failure('denied', plainReason(text));
  // The alarm is set in the whole cluster: no other member takes writes either.
  if (text.includes('space exceeded')) return failure('no-space', 'it has no space left');
  if (error instanceof GRPCDeadlineExceededError) {
    const notApplied = text.includes(NOT_SENT);
    return { kind: 'unavailable', reason: notApplied ? NOT_SENT : NO_ANSWER, notApplied, hung: true };
  }
  // gRPC's word for a request far beyond etcd's --max-request-bytes; of one a little beyond, etcd says the next.
  if (text.includes('grpc: received message')) return failure('refused', plainReason(text));
  if (error instanceof GRPCInvalidArgumentError) return failure('refused', plainReason(text));
  return { kind: 'unavailable', reason: plainReason(text), notApplied: isUnsent(text), hung: false };
}

/** What etcd says of a revision that it cannot read at (api/v3rpc/rpctypes/error.go). Throws any other error. */
export function pastNotKept(error: unknown): 'to come' | 'forgotten' {
  const text = errorMessage(error);
  if (text.includes('required revision is a future revision')) return 'to come';
  if (text.includes('required revision has been compacted')) return 'forgotten';
  throw error;
}

/** `reasons`: by endpoint, in the order in which they were asked. `notApplied`: of the last try, and so of all. */
export function unavailableError(
  reasons: ReadonlyMap<string, string>,
  cause: unknown,
  notApplied = false,
): XnetError {
  const parts = [...reasons].map(([endpoint, reason]) => `${endpoint}: ${reason}`);
  const remedy =
    reasons.size > 1
      ? 'see that most of its members run and reach each other'
      : 'see that it runs and that this host reaches it';
  return new XnetError(
    'STORE_UNAVAILABLE',
    `etcd at ${parts.join('; ')} (${remedy})`,
    { endpoints: [...reasons.keys()], ...(notApplied && NOT_APPLIED) },
    { cause },
  );
}

const NOT_APPLIED = { applied: false };

/** For failures that no other endpoint and no second try can mend. */
export function finalError(
  { kind, reason }: EtcdFailure,
  endpoint: string,
  user: string | undefined,
  cause: unknown,
): XnetError {
  const fields = { endpoint };
  if (kind === 'lease-gone')
    return new XnetError('NOT_FOUND', `${reason}; grant a new one`, fields, { cause });
  if (kind === 'no-space') {
    return new XnetError(
      'STORE_UNAVAILABLE',
      `etcd at ${endpoint} has no space left and takes no writes: compact and defragment it, or give it a larger ` +
        '--quota-backend-bytes, and then run `etcdctl alarm disarm`',
      { ...fields, ...NOT_APPLIED },
      { cause },
    );
  }
  if (kind === 'refused') {
    return new XnetError('INTERNAL', `etcd at ${endpoint} refused a request: ${reason}`, fields, { cause });
  }
  const who = user === undefined ? 'no user' : `user ${user}`;
  const remedy = reason.includes('permission denied') ? RIGHTS : '';
  return new XnetError('STORE_DENIED', `etcd at ${endpoint} denies ${who}: ${reason}${remedy}`, fields, {
    cause,
  });
}

/** It has a password or certificate, but not these keys: they may be of another prefix, or of another host. */
const RIGHTS = '; xnet etcd-roles prints the commands that give a user the rights xnet needs';

function failure(kind: EtcdFailure['kind'], reason: string): EtcdFailure {
  return { kind, reason, notApplied: true, hung: false };
}

function isStaleToken(error: unknown, text: string): boolean {
  return (
    error instanceof EtcdInvalidAuthTokenError ||
    /invalid auth token|revision of auth store is old|session token refused/.test(text)
  );
}

function isDenied(error: unknown, text: string): boolean {
  return (
    error instanceof EtcdAuthenticationFailedError ||
    error instanceof EtcdPermissionDeniedError ||
    error instanceof GRPCUnauthenticatedError ||
    /user name is empty|authentication is not enabled|permission denied/.test(text)
  );
}

/** What etcd and grpc-js say only of requests that went nowhere. */
function isUnsent(text: string): boolean {
  return /No connection established|Name resolution failed|Channel closed before call|no leader|too many requests/.test(
    text,
  );
}

const PLAIN: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'connection refused'],
  [/ECONNRESET|socket hang up|Connection dropped/, 'connection lost'],
  [/EHOSTUNREACH/, 'host unreachable'],
  [/ENETUNREACH/, 'network unreachable'],
  [/ETIMEDOUT/, 'connection timed out'],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed/, 'its name cannot be resolved'],
  [/self.signed certificate|unable to (get|verify)/, 'its certificate is not of the given CA'],
  [/certificate has expired/, 'its certificate has expired'],
  [/altnames|ERR_TLS_CERT/, 'its certificate is for another name'],
  [/alert certificate expired/, 'it says that the client certificate has expired'],
  [
    /alert (bad )?certificate|alert unknown ca|certificate required/i,
    'it wants a client certificate of its CA',
  ],
  // Last: it quotes the reason, where there is one.
  [/No connection established/, 'no connection'],
];

function plainReason(text: string): string {
  const known = PLAIN.find(([pattern]) => pattern.test(text));
  return (
    known?.[1] ??
    text
      .replace(/^\w+Error: /, '')
      .replace(/^\d+ [A-Z_]+: /, '')
      .replace(/^etcdserver: /, '')
  );
}
