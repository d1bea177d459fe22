import type { Config } from '../config/schema.js';
import type { KnownState } from './known-state.js';

/** What an answer without the daemon is made from. */
export interface OfflineParts {
  readonly config: Config;
  /** Why no daemon can start with what is configured. */
  readonly configProblem: string | undefined;
  readonly known: KnownState;
  /** Why the daemon did not answer, and what to do. */
  readonly reason: string;
  /** Of the command. */
  readonly version: string;
}
