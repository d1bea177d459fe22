/** One call of the Engine API after another: bounded in time, given up when xnet stops, its failure in xnet's words. */
import { once } from 'node:events';
import { Agent } from 'node:http';
import { inspect } from 'node:util';
import { LinkedAbort } from '../concurrency/linked-abort.js';
import { type ErrorCode, errorMessage, XnetError } from '../errors.js';
import type { EngineState } from './engine.js';

/** Status of an API reply -> code. 403: the network has endpoints, or is one of Docker's own. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'INVALID',
  403: 'IN_USE',
  404: 'NOT_FOUND',
  409: 'EXISTS',
};

/** What docker-modem rejects with: Docker's reply, or an error of the connection. */
interface DockerodeError {
  readonly statusCode?: number;
  readonly json?: { readonly message?: string };
  readonly code?: string;
  readonly name?: string;
}

export type Work<T> = (abortSignal: AbortSignal) => Promise<T>;

export class DockerCalls {
  /** As the last call or the event stream found Docker. */
  state: EngineState = { connected: false, reason: 'not asked yet' };
  /** Docker's. Once it is known, every answered call means that this Docker is connected. */
  version: string | undefined;
  readonly #closed = new AbortController();

  constructor(private readonly socketPath: string) {}

  /** Gives up all calls, those under way and those to come, with DOCKER. */
  close(): void {
    this.#closed.abort();
  }

  /** Bounds the time until the answer begins; a stream that is the answer goes on until `ended`. */
  async run<T>(call: string, timeoutMs: number, work: Work<T>, ended?: AbortSignal): Promise<T> {
    const closed = this.#closed.signal;
    using attempt = new LinkedAbort(ended ? [closed, ended] : [closed]);
    const timer = setTimeout(attempt.abort, timeoutMs);
    try {
      attempt.signal.throwIfAborted();
      // docker-modem leaves a caller waiting when the connection breaks within an answer.
      const result = await Promise.race([work(attempt.signal), rejectOnAbort(attempt.signal)]);
      if (this.version !== undefined) this.state = { connected: true, version: this.version };
      return result;
    } catch (error: unknown) {
      const failure = this.#failure(error, call);
      // Only a Docker that gave no reply is away.
      if (failure.code !== 'DOCKER' || failure.fields.statusCode !== undefined) throw failure;
      if (closed.aborted) throw new XnetError('DOCKER', `"${call}" is given up: xnet stops`, { call });
      if (!ended?.aborted) this.state = { connected: false, reason: failure.message };
      throw failure;
    } finally {
      clearTimeout(timer);
    }
  }

  #failure(error: unknown, call: string): XnetError {
    const { statusCode, json } = error as DockerodeError;
    if (statusCode === undefined) {
      const message = `Docker's API at ${this.socketPath}: ${connectionFailure(error)}`;
      return new XnetError('DOCKER', message, { call }, { cause: error });
    }
    const message = json?.message ?? errorMessage(error);
    return new XnetError(CODES[statusCode] ?? 'DOCKER', `Docker: ${message}`, { call, statusCode });
  }
}

/**
 * Keeps no connection, so that a Docker that was restarted is found at the next call.
 *
 * And shows nothing of itself: docker-modem (5.0) inspects all that it was given to any depth at every call, also when
 * nobody debugs. Through an agent that reaches every socket and buffer in use, and took 15 ms a call.
 */
export class DockerAgent extends Agent {
  constructor() {
    super({ keepAlive: false });
  }

  [inspect.custom](): string {
    return 'DockerAgent';
  }
}

function connectionFailure(error: unknown): string {
  const { code, name } = error as DockerodeError;
  if (name === 'TimeoutError' || name === 'AbortError' || code === 'ABORT_ERR') return 'no answer in time';
  if (code === 'ENOENT') return 'there is no such socket';
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'EACCES') return 'permission denied';
  return errorMessage(error);
}

async function rejectOnAbort(signal: AbortSignal): Promise<never> {
  await once(signal, 'abort');
  throw signal.reason;
}
