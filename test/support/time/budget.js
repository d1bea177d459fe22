/**
 * The time that a test run may take, if it has a limit (TEST_UNTIL, in ms since 1970; `test/run` sets it by TEST_MINUTES). A file that
 * has begun is done to its end; one that comes later is not begun, and its tests count as skipped.
 */
export function isTimeOver() {
  const until = process.env.TEST_UNTIL;
  return until !== undefined && Date.now() > Number(until);
}
