import type { Answer, OperationName, Parameters } from '../admin/operations.js';

/** One file of the archive. */
export interface Part {
  readonly file: string;
  /** For the list of what is in it. */
  readonly what: string;
  /** A rejection is what the file says. */
  readonly read: () => Promise<string>;
}

/** As the daemon answers, or what is known without it. Throws as it does. */
export type Ask = <N extends OperationName>(name: N, parameters: Parameters<N>) => Promise<Answer<N>>;
