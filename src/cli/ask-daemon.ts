import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Answer, OPERATIONS, type OperationName, type Parameters, pathOf } from '../admin/operations.js';
import { ERROR_CODES, type ErrorCode, XnetError } from '../errors.js';

const TIMEOUT_MS = 15_000;

/** Asks the daemon on this host. Throws NOT_FOUND when none runs, with what to do, and the daemon's refusal in its own words. */
export async function askDaemon<N extends OperationName>(
  socketPath: string,
  name: N,
  parameters: Parameters<N>,
): Promise<Answer<N>> {
  const { method } = OPERATIONS[name];
  const { code, answer } = await call(socketPath, pathOf(name, parameters), method.toUpperCase());
  if (code !== 200) throw refusal(code, answer);
  return JSON.parse(answer);
}

/** Resolves to the whole answer. */
function call(
  socketPath: string,
  path: string,
  method: string,
): Promise<{ code: number | undefined; answer: string }> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(notThere(socketPath, error));
    const asked = request({ socketPath, path, method, timeout: TIMEOUT_MS }, (response) => {
      text(response).then((answer) => resolve({ code: response.statusCode, answer }), fail);
    });
    asked.on('timeout', () => {
      fail(new Error(`no answer within ${TIMEOUT_MS} ms`));
      asked.destroy();
    });
    asked.on('error', fail);
    asked.end();
  });
}

/** The objects that the daemon sends, a line each, until `signal` aborts. Throws as `askDaemon`. */
export async function* followDaemon(
  socketPath: string,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<object> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const fail = (error: Error) => reject(notThere(socketPath, error));
    request({ socketPath, path, signal }, resolve).on('error', fail).end();
  });
  if (response.statusCode !== 200) throw refusal(response.statusCode, await text(response));
  try {
    for await (const line of linesOf(response)) {
      const item: object = JSON.parse(line);
      if ('error' in item) throw refusal(undefined, line);
      yield item;
    }
  } catch (error: unknown) {
    // Node's word for a daemon that was killed, or has cut off one who did not read, is "aborted".
    if (!response.complete && response.errored === error) throw notThere(socketPath, error as Error);
    throw error;
  }
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

function notThere(socketPath: string, error: Error): XnetError {
  const message = `no xnet daemon answers on ${socketPath} (${error.message}); start it: systemctl start xnet, or xnet serve`;
  return new XnetError('NOT_FOUND', message, {}, { cause: error });
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
