/** The admin socket: the operations of the admin API (src/admin/operations.ts), as JSON over HTTP on a unix socket of root's. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { z } from 'zod';
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

const NONE = z.strictObject({});
const FOLLOWED = OPERATIONS.events.parameters.pick({ all: true });

/** Of a put. */
const MOST_BODY = 1 << 20;
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
  /** Aborts when the daemon is to stop, which would wait for the streams' readers, and for answers that take long, else. */
  readonly stopping: AbortSignal;
}

export function createAdminServer(handlers: Handlers, streams?: Streams): Server {
  const app = express();
  app.disable('x-powered-by').enable('case sensitive routing').enable('strict routing');
  app.use(refuseBody);
  for (const [name, operation] of Object.entries<Operation>(OPERATIONS))
    serve(app, operation, handlers[name as keyof Handlers] as Handle, streams?.stopping);
  // For those who have no `xnet` at hand: a managed plugin's is in its container.
  app.get('/v1/status.txt', async ({ query }, response) => {
    parse(NONE, query);
    response.type('text/plain').send(formatStatus(await handlers.status({})));
  });
  if (streams) {
    app.get('/v1/events/follow', ({ query }, response) => {
      const { all } = parse(FOLLOWED, query);
      return streamLines(response, streams.stopping, (signal) => streams.events(all === 'true', signal));
    });
    const { path, parameters } = STREAMS.capture;
    app.get(routeOf(path), ({ query, params }, response) => {
      const wanted = parse(parameters, joined(query, params));
      const items = (signal: AbortSignal) => streams.capture(wanted, signal);
      return streamLines(response, streams.stopping, items, 'wait');
    });
  }
  app.get('/v1/openapi.json', ({ query }, response) => {
    parse(NONE, query);
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

type Handle = (parameters: unknown, signal: AbortSignal) => Promise<unknown>;

/** What is answered is no longer worked on when the caller is gone, or the daemon is to stop. */
function serve(
  app: Express,
  { method, path, parameters }: Operation,
  handle: Handle,
  stopping?: AbortSignal,
): void {
  app[method](routeOf(path), async (request, response) => {
    const { query, params } = request;
    using ended = new LinkedAbort(stopping ? [stopping] : []);
    response.on('close', ended.abort);
    const body = method === 'put' ? await readBody(request) : {};
    response.json(await handle(parse(parameters, { ...joined(query, params), ...body }), ended.signal));
  });
}

/** Throws INVALID for what is no JSON object, or too long. */
async function readBody(request: Request): Promise<object> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk;
    if (body.length > MOST_BODY)
      throw new XnetError('INVALID', `the body has more than ${MOST_BODY} characters`);
  }
  try {
    return z.looseObject({}).parse(JSON.parse(body));
  } catch (error: unknown) {
    throw new XnetError('INVALID', `the body is no JSON object: ${errorMessage(error)}`);
  }
}

/** Throws INVALID for a parameter that is given twice. */
function joined(query: Request['query'], params: Request['params']): object {
  const twice = Object.keys(query).filter((name) => name in params);
  if (twice.length > 0)
    throw new XnetError('INVALID', `${twice.join(', ')} is given in the path; leave it out of the query`);
  return { ...query, ...params };
}

/** But of a put: what is in a body would be passed over. */
function refuseBody({ headers, method }: Request, _response: Response, next: NextFunction): void {
  const length = headers['content-length'] ?? '0';
  const hasBody = length !== '0' || headers['transfer-encoding'] !== undefined;
  if (hasBody && method !== 'PUT')
    throw new XnetError('INVALID', 'this takes no body; parameters are in the path and the query');
  next();
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
