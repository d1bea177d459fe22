/** Asks the daemon, and where none answers what this host knows without it. */
import type { Answer, Handlers, OperationName, Parameters } from '../admin/operations.js';
import { askDaemon, isNotThere } from './ask-daemon.js';

/** Answers in the place of the daemon. */
export interface WithoutDaemon {
  readonly handlers: Handlers;
  /** When what is known of the cluster was last written (ISO 8601). */
  readonly knownAt: string | undefined;
}

/** undefined: without the daemon at `socketPath` nothing is known. `reason`: why it does not answer, and what to do. */
export type FindWithoutDaemon = (socketPath: string, reason: string) => Promise<WithoutDaemon | undefined>;

export interface Asked {
  readonly adminSocket: string;
  /** Set for every command that prints an answer. */
  readonly withoutDaemon?: FindWithoutDaemon;
}

export interface Answered<T> {
  readonly answer: T;
  /** No daemon has answered: what to say of that. */
  readonly note?: string;
}

/** Throws as `askDaemon`, and as the handlers do. */
export async function ask<N extends OperationName>(
  { adminSocket, withoutDaemon }: Asked,
  name: N,
  parameters: Parameters<N>,
): Promise<Answered<Answer<N>>> {
  try {
    return { answer: await askDaemon(adminSocket, name, parameters) };
  } catch (error: unknown) {
    const found = isNotThere(error) ? await withoutDaemon?.(adminSocket, error.message) : undefined;
    if (!found) throw error;
    const handle = found.handlers[name] as (given: Parameters<N>) => Promise<Answer<N>>;
    return { answer: await handle(parameters), note: noteOf(found) };
  }
}

function noteOf({ knownAt }: WithoutDaemon): string {
  const at = knownAt === undefined ? '' : `, at ${knownAt.replace(/\.\d+/, '')}`;
  return `the daemon does not answer: this is what this host knew last${at}; \`xnet status\` says what is down\n`;
}
