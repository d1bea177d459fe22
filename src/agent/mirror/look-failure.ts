/** Reports on a look of a sweep that failed. `what`: what it was to do, as in "cannot look at the networks". */
import { type ErrorCode, errorMessage, isXnetError } from '../../errors.js';
import type { Logger } from '../../observability/logger.js';

/** Docker or the store is away: `xnet status` shows that itself, and the look succeeds when it is back. */
const AWAY: readonly ErrorCode[] = ['DOCKER', 'STORE_UNAVAILABLE', 'STORE_DENIED', 'STORE_CONFLICT'];

export function logLookFailure(logger: Logger, what: string, error: unknown): void {
  const level = isXnetError(error, ...AWAY) ? 'debug' : 'error';
  logger[level](`cannot ${what}`, { error: errorMessage(error) });
}

/** For `xnet status`. `failure` is that of the last look; undefined when it succeeded. */
export function lookProblems(what: string, failure: unknown): string[] {
  if (failure === undefined || isXnetError(failure, ...AWAY)) return [];
  return [`cannot ${what}: ${errorMessage(failure)}; the log of xnet says since when`];
}
