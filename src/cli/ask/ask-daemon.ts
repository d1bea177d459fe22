import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Answer, OPERATIONS, type OperationName, type Parameters } from '../../admin/operations.js';
import { raceLimit } from '../../concurrency/deadline.js';
import { ERROR_CODES, type ErrorCode, isXnetError, XnetError } from '../../errors.js';
import { pathOf } from './call-path.js';
import { untilHung } from './hung-daemon.js';

const TIMEOUT_MS = 15_000;
/** Of what asks other hosts several times. */
const LONGER: Partial<Record<OperationName, number>> = {
  trace: 40_000,
  testPolicy: 45_000,
  learnPolicy: 3_630_000,
};

/** Asks the daemon on this host. Throws NOT_FOUND when none runs, with what to do, and the daemon's refusal in its own words. */
export async function askDaemon<N extends OperationName>(
  socketPath: string,
  name: N,
  parameters: Parameters<N>,
): Promise<Answer<N>> {
  const { method } = OPERATIONS[name];
  requireGiven(socketPath, Object.values(parameters));
  const { code, answer } = await call(
    socketPath,
    pathOf(name, parameters),
    method.toUpperCase(),
    LONGER[name],
    method === 'put' ? JSON.stringify(parameters) : undefined,
  );
  if (code !== 200) throw refusal(code, answer);
  return JSON.parse(answer);
}

/** An empty path of a socket would be TCP port 80, an empty name another operation. */
function requireGiven(socketPath: string, names: readonly unknown[]): void {
  if (socketPath === '') throw new XnetError('INVALID', '--admin-socket is empty; give the path of a socket');
  if (names.includes('')) throw new XnetError('INVALID', 'a name or id is empty; give one that is not');
}

/** Resolves to the whole answer. */
function call(
  socketPath: string,
  path: string,
  method: string,
  timeoutMs = TIMEOUT_MS,
  body?: string,
): Promise<{ code: number | undefined; answer: string }> {
  return unlessHung(
    socketPath,
    (signal) =>
      new Promise((resolve, reject) => {
        const fail = (error: Error) => reject(notThere(socketPath, error));
        const headers = body === undefined ? {} : { 'content-type': 'application/json' };
        const options = { socketPath, path, method, headers, signal, timeout: timeoutMs };
        const asked = request(options, (response) => {
          text(response).then((answer) => resolve({ code: response.statusCode, answer }), fail);
        });
        asked.on('timeout', () => {
          fail(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' }));
          asked.destroy();
        });
        asked.on('error', fail);
        asked.end(body);
      }),
  );
}

/** As `ask`, whose signal aborts when the daemon hangs. Throws NOT_FOUND then, with what mends it. */
async function unlessHung<T>(socketPath: string, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const hung = new AbortController();
  try {
    return await raceLimit(ask(hung.signal), async (decided) => {
      const reason = await untilHung(socketPath, decided);
      throw new XnetError('NOT_FOUND', `no xnet daemon answers on ${socketPath}: ${reason}`, { socketPath });
    });
  } finally {
    hung.abort();
  }
}

/**
 * The objects that the daemon sends, a line each, without end. Throws as `askDaemon`, also when the daemon breaks off, or `signal`
 * aborts.
 */
export async function* followDaemon(
  socketPath: string,
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<object> {
  requireGiven(socketPath, []);
  let asked: ClientRequest | undefined;
  signal?.addEventListener('abort', () => asked?.destroy(), { once: true });
  const begun = () =>
    new Promise<IncomingMessage>((resolve, reject) => {
      asked = request({ socketPath, path }, resolve).on('error', (error) =>
        reject(notThere(socketPath, error)),
      );
      asked.end();
    });
  const response = await unlessHung(socketPath, begun).catch((error: unknown) => {
    asked?.destroy();
    throw error;
  });
  if (response.statusCode !== 200) throw refusal(response.statusCode, await text(response));
  try {
    for await (const line of linesOf(response)) {
      const item: object = JSON.parse(line);
      if ('error' in item) throw refusal(undefined, line);
      yield item;
    }
  } catch (error: unknown) {
    throw isXnetError(error) ? error : brokenOff(socketPath, error);
  }
  throw brokenOff(socketPath);
}

/** Not node:readline: on older Node.js it waits without end when its input fails. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

function brokenOff(socketPath: string, cause?: unknown): XnetError {
  return notThere(socketPath, new Error('it broke off within its answer', { cause }));
}

function notThere(socketPath: string, error: NodeJS.ErrnoException): XnetError {
  if (error.code === 'EACCES')
    return new XnetError('NOT_FOUND', `${socketPath} is for root alone; use sudo`, {}, { cause: error });
  const remedy =
    error.code === 'ETIMEDOUT'
      ? 'it runs and hangs: systemctl restart xnet'
      : 'start it: systemctl start xnet, or xnet serve';
  const message = `no xnet daemon answers on ${socketPath} (${error.message}); ${remedy}`;
  return new XnetError('NOT_FOUND', message, { socketPath }, { cause: error });
}

/** True: no daemon has answered, so that nothing was refused. */
export function isNotThere(error: unknown): error is XnetError {
  return isXnetError(error, 'NOT_FOUND') && error.fields.socketPath !== undefined;
}

/** An answer without a reason comes from no daemon of ours, or from an older one. */
function refusal(code: number | undefined, answer: string): XnetError {
  try {
    const { error, code: reason } = JSON.parse(answer) as { error: unknown; code: unknown };
    if (typeof error === 'string') return new XnetError(isErrorCode(reason) ? reason : 'INTERNAL', error);
  } catch {
    // Shown whole.
  }
  return new XnetError('INTERNAL', `xnet answered ${code}: ${answer}`);
}

function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && text in ERROR_CODES;
}
