/**
 * src/server: the two sockets on which xnet is called, by Docker (here, with the methods in network-driver.ts and
 * ipam-driver.ts) and by the `xnet` commands (admin.ts). Every call is read strictly, answered once and in bounded time, and
 * logged here alone. Not in here: what the calls do, which is src/driver/ and src/ipam/.
 *
 * Docker's plugin protocol over express: POST /Driver.Method with a JSON body and no content type.
 *
 * A failure xnet knows is status 200 with the driver's own error key, which Docker shows as "remote: ...".
 * A request that cannot be read is 400, an unknown method 404; Docker takes 404 of some methods for success,
 * so nothing else may answer it (moby: pkg/plugins/client.go, drivers/remote/driver.go).
 */
import { createServer, type Server } from 'node:http';
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import type { z } from 'zod';
import { withDeadline } from '../concurrency/deadline.js';
import { errorMessage, isXnetError, XnetError } from '../errors.js';
import type { LogFields, Logger } from '../observability/logger.js';
import { CALL_HEADER, KEEP_HEADER, parseCall, type RpcMethod } from './method.js';
import { readBody } from './request-body.js';

/**
 * Time limit of a call. Docker itself has none, and holds locks while it waits. Only slow machines need this long; a call that
 * fails is answered sooner.
 */
const RPC_DEADLINE_MS = 60_000;

/** What a person cares about when all goes well: networks and containers that come and go. Docker asks all else by the way. */
const EVENTS = ['CreateNetwork', 'DeleteNetwork', 'AllocateNetwork', 'FreeNetwork', 'Join', 'Leave'].map(
  (name) => `NetworkDriver.${name}`,
);

/** A call that took as long is worth a line, whatever it was. */
const SLOW_MS = 1000;

export function createRpcServer(methods: readonly RpcMethod[], logger: Logger): Server {
  const app = createRpcApp(methods, logger);
  const server = createServer(app);
  // Node's own answers to these have no length, by which the keeper sees their end.
  for (const event of ['checkContinue', 'checkExpectation']) server.on(event, app);
  // Root alone can call, and the keeper waits on a caller's behalf: there is nobody to be cut off for slowness.
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  // The keeper's: it closes them.
  server.keepAliveTimeout = 0;
  return server;
}

/** Takes no new calls and resolves when those in flight are answered. */
export async function closeServer(server: Server): Promise<void> {
  // A client may keep its connection open; one whose last call was answered after `close` must be closed too.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearInterval(sweep);
}

function createRpcApp(methods: readonly RpcMethod[], logger: Logger): Express {
  const byName = new Map(methods.map((method) => [method.name, method]));
  const app = express();
  app.disable('x-powered-by');
  app.post('/:method', (request, response, next) => {
    const method = byName.get(request.params.method);
    return method ? answer(method, request, response, logger) : next();
  });
  app.use((request, response) => {
    logger.warn('unknown method', { path: request.path.slice(0, 200) });
    const Err = `xnet has no method ${request.method} ${request.path.slice(0, 200)}`;
    send(response, 404, { Err }, isKept(request, response));
  });
  app.use(unreadable(logger));
  return app;
}

async function answer(
  method: RpcMethod,
  request: Request,
  response: Response,
  logger: Logger,
): Promise<void> {
  const body = await readBody(request);
  const started = performance.now();
  const abort = new AbortController();
  const call = parseCall(request.get(CALL_HEADER), abort.signal);
  const fields: Record<string, unknown> = call.repeated ? { repeated: true } : {};
  try {
    const parsed = method.request ? parseBody(method.name, method.request, body) : {};
    Object.assign(fields, idsOf(parsed));
    const work = Promise.resolve(method.handle(parsed as never, call));
    const result = await withDeadline(work, RPC_DEADLINE_MS, `${method.name} on this host`);
    send(response, 200, result ?? {}, isKept(request, response));
    logAnswer(logger, method.name, { ...fields, ms: elapsed(started), outcome: 'ok' });
  } catch (error: unknown) {
    abort.abort();
    const status = error instanceof UnreadableRequest ? 400 : 200;
    const key = status === 400 ? 'Err' : errorKey(method);
    send(response, status, { [key]: errorMessage(error) }, isKept(request, response));
    logFailure(logger, method.name, { ...fields, ms: elapsed(started) }, error);
  }
}

/**
 * Without a keeper, one call on a connection: a call that came on an idle one in the moment that we close it would be lost,
 * and Docker repeats it without its body. A connection to a unix socket costs next to nothing. With one, too, where the caller
 * wants it closed.
 */
function isKept(request: Request, { shouldKeepAlive }: Response): boolean {
  return shouldKeepAlive && request.headers[KEEP_HEADER] !== undefined && request.method !== 'HEAD';
}

/** By hand, since express computes much for each answer that Docker does not look at. */
function send(response: Response, status: number, body: object, isKept: boolean): void {
  const text = JSON.stringify(body);
  response.sendDate = false;
  if (isKept) response.removeHeader('Connection');
  else response.setHeader('Connection', 'close');
  response.setHeader('Content-Type', 'application/json');
  // Of what does not follow it would have the keeper wait.
  if (response.req.method !== 'HEAD') response.setHeader('Content-Length', Buffer.byteLength(text));
  response.writeHead(status);
  response.end(text);
}

class UnreadableRequest extends XnetError {
  constructor(message: string) {
    super('INVALID', message);
  }
}

function parseBody(name: string, schema: z.ZodType, body: string): unknown {
  if (body.trim() === '') {
    // Docker's client repeats a call that broke off with its body already consumed.
    throw new XnetError(
      'EMPTY_REQUEST',
      `empty ${name} request: Docker repeated a call that broke off; try again`,
    );
  }
  const parsed = schema.safeParse(parseJson(name, body));
  if (parsed.success) return parsed.data;
  const reasons = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new UnreadableRequest(`${name} request is not acceptable: ${reasons.join('; ')}`);
}

function parseJson(name: string, body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error: unknown) {
    throw new UnreadableRequest(`${name} request is not JSON: ${errorMessage(error).slice(0, 200)}`);
  }
}

/** The request's ids, for its line in the log. */
function idsOf(request: unknown): Record<string, unknown> {
  const entries = Object.entries(request as Record<string, unknown>);
  return Object.fromEntries(
    entries.filter(([key, value]) => /ID$|^(Address|Pool)$/.test(key) && value !== undefined),
  );
}

function errorKey(method: RpcMethod): 'Err' | 'Error' {
  return method.name.startsWith('IpamDriver.') ? 'Error' : 'Err';
}

function logAnswer(logger: Logger, name: string, fields: LogFields & { ms: number }): void {
  const isEvent = EVENTS.includes(name) || fields.repeated === true || fields.ms >= SLOW_MS;
  logger[isEvent ? 'info' : 'debug'](name, fields);
}

function logFailure(logger: Logger, name: string, fields: Record<string, unknown>, error: unknown): void {
  const known = isXnetError(error);
  const details = known
    ? { code: error.code, ...error.fields }
    : { stack: error instanceof Error ? error.stack : '' };
  const all = { ...fields, outcome: 'error', error: errorMessage(error), ...details };
  if (known && error.code !== 'INTERNAL') logger.warn(name, all);
  else logger.error(name, all);
}

/** Bodies, and paths, that could not be read. What is left of them goes with the connection. */
function unreadable(logger: Logger): ErrorRequestHandler {
  return (error: Error & { status?: number }, request, response, _next) => {
    const status = error.status ?? 500;
    logger.warn('unreadable request', { path: request.path.slice(0, 200), status, error: error.message });
    send(response, status, { Err: `xnet cannot read the request: ${error.message}` }, false);
  };
}

function elapsed(started: number): number {
  return Math.round((performance.now() - started) * 100) / 100;
}
