/** The admin socket: the operations of the admin API (src/admin/operations.ts), as JSON over HTTP on a unix socket of root's. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { z } from 'zod';
import type { CaptureItem, CaptureParameters } from '../admin/capture-answer.js';
import { describeApi } from '../admin/openapi.js';
import { type Handlers, OPERATIONS, type Operation, STREAMS } from '../admin/operations.js';
import { LinkedAbort } from '../concurrency/linked-abort.js';
import { type ErrorCode, errorMessage, isXnetError, XnetError } from '../errors.js';
import { formatStatus } from './status-text.js';

const STATUS_OF: Partial<Record<ErrorCode, number>> = {
  INVALID: 400,
  NOT_FOUND: 404,
  IN_USE: 409,
  STORE_UNAVAILABLE: 503,
  STOPPING: 503,
};

/** So many bytes may wait for the reader of a stream: some 20,000 events. */
const MOST_WAITING = 4 << 20;

/** What is answered line by line, until the caller goes. */
export interface Streams {
  /** Of all hosts that are alive: `isAll`. */
  readonly events: (isAll: boolean, signal: AbortSignal) => AsyncIterable<readonly object[]>;
  readonly capture: (
    parameters: CaptureParameters,
    signal: AbortSignal,
  ) => AsyncIterable<readonly CaptureItem[]>;
  /** Aborts when the daemon is to stop, which would wait for the streams' readers else. */
  readonly stopping: AbortSignal;
}

export function createAdminServer(handlers: Handlers, streams?: Streams): Server {
  const app = express();
  app.disable('x-powered-by');
  for (const [name, operation] of Object.entries<Operation>(OPERATIONS))
    serve(app, operation, handlers[name as keyof Handlers] as Handle);
  // For those who have no `xnet` at hand: a managed plugin's is in its container.
  app.get('/v1/status.txt', async (_request, response) => {
    response.type('text/plain').send(formatStatus(await handlers.status({})));
  });
  if (streams) {
    app.get('/v1/events/follow', (request, response) =>
      streamLines(response, streams.stopping, (signal) =>
        streams.events(request.query.all === 'true', signal),
      ),
    );
  }
  if (streams) {
    const { path, parameters } = STREAMS.capture;
    app.get(routeOf(path), (request, response) => {
      const wanted = parse(parameters, { ...request.query, ...request.params });
      const items = (signal: AbortSignal) => streams.capture(wanted, signal);
      return streamLines(response, streams.stopping, items, 'wait');
    });
  }
  app.get('/v1/openapi.json', (_request, response) => {
    response.json(describeApi());
  });
  app.use((request) => {
    const what = `${request.method} ${request.path.slice(0, 200)}`;
    throw new XnetError('NOT_FOUND', `the admin API has no ${what}; GET /v1/openapi.json describes it`);
  });
  app.use(refuse);
  return createServer(app);
}

/**
 * JSON, an object a line. A failure is the last line. One who does not read is cut off, so that memory stays bounded; or waited
 * for, where the items are bounded in number.
 */
async function streamLines(
  response: Response,
  stopping: AbortSignal,
  items: (signal: AbortSignal) => AsyncIterable<readonly object[]>,
  whenFull: 'cut off' | 'wait' = 'cut off',
): Promise<void> {
  using ended = new LinkedAbort([stopping]);
  response.on('close', ended.abort);
  response.type('application/x-ndjson').flushHeaders();
  try {
    for await (const batch of items(ended.signal)) {
      response.write(batch.map((item) => `${JSON.stringify(item)}\n`).join(''));
      if (whenFull === 'wait' && response.writableNeedDrain) await drained(response, ended.signal);
      if (response.writableLength > MOST_WAITING) {
        response.destroy();
        ended.abort();
      }
    }
    if (stopping.aborted) throw new XnetError('STOPPING', "xnet's daemon stops; ask the next one");
  } catch (error: unknown) {
    response.write(`${JSON.stringify(refusalOf(error))}\n`);
  }
  response.end();
}

/** Or `signal` has aborted, as when the reader is gone. */
async function drained(response: Response, signal: AbortSignal): Promise<void> {
  await once(response, 'drain', { signal }).catch(() => undefined);
}

type Handle = (parameters: unknown) => Promise<unknown>;

function serve(app: Express, { method, path, parameters }: Operation, handle: Handle): void {
  app[method](routeOf(path), async (request, response) => {
    response.json(await handle(parse(parameters, { ...request.query, ...request.params })));
  });
}

/** As express writes it. */
function routeOf(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function parse<S extends z.ZodObject>(schema: S, given: unknown): z.output<S> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const reasons = parsed.error.issues.map(({ path, message }) => [...path, message].join(': '));
  throw new XnetError('INVALID', `a parameter is not acceptable: ${reasons.join('; ')}`);
}

/** Four parameters: by these express knows what handles errors. */
function refuse(error: unknown, _request: Request, response: Response, _next: NextFunction): void {
  const refusal = refusalOf(error);
  response.status(STATUS_OF[refusal.code] ?? 500).json(refusal);
}

function refusalOf(error: unknown): { readonly code: ErrorCode; readonly error: string } {
  const code = isXnetError(error) ? error.code : isMalformed(error) ? 'INVALID' : 'INTERNAL';
  return { code, error: errorMessage(error) };
}

/** Of express: a path that cannot be decoded. */
function isMalformed(error: unknown): boolean {
  return error instanceof Error && 'status' in error && error.status === 400;
}
