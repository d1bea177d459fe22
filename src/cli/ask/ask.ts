/** Asks the daemon, and where none answers what this host knows without it. */
import type { Answer, Handlers, OperationName, Parameters } from '../../admin/operations.js';
import type { XnetError } from '../../errors.js';
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

export type Ask = <N extends OperationName>(
  name: N,
  parameters: Parameters<N>,
) => Promise<Answered<Answer<N>>>;

/** Throws as `askDaemon`, and as the handlers do. */
export function ask<N extends OperationName>(asked: Asked, name: N, parameters: Parameters<N>) {
  return asker(asked)(name, parameters);
}

/** For several questions: a daemon that has not answered one of them is not waited for again. Throws as `ask`. */
export function asker({ adminSocket, withoutDaemon }: Asked): Ask {
  let instead: Promise<WithoutDaemon> | undefined;
  const find = async (error: XnetError) => {
    const found = await withoutDaemon?.(adminSocket, error.message);
    if (!found) throw error;
    return found;
  };
  return async <N extends OperationName>(name: N, parameters: Parameters<N>) => {
    if (!instead) {
      try {
        return { answer: await askDaemon(adminSocket, name, parameters) };
      } catch (error: unknown) {
        if (!isNotThere(error)) throw error;
        instead ??= find(error);
      }
    }
    const found = await instead;
    const handle = found.handlers[name] as (given: Parameters<N>) => Promise<Answer<N>>;
    return { answer: await handle(parameters), note: noteOf(found) };
  };
}

function noteOf({ knownAt }: WithoutDaemon): string {
  const at = knownAt === undefined ? '' : `, at ${knownAt.replace(/\.\d+/, '')}`;
  return `the daemon does not answer: this is what this host knew last${at}; \`xnet status\` says what is down\n`;
}
