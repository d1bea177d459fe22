/** Loggers for parts of src that run in the test's own process. */
import type { Logger } from '../../src/observability/logger.js';

const nothing = () => undefined;

/** Shows errors, and nothing else. */
export const silentLogger: Logger = {
  error: (message, fields) => console.error(message, fields),
  warn: nothing,
  info: nothing,
  debug: nothing,
};

/** Where errors are what the test makes happen. */
export const muteLogger: Logger = { ...silentLogger, error: nothing };
