import { type ErrorCode, errorMessage, XnetError } from '../errors.js';

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

export function dockerFailure(error: unknown, call: string, socketPath: string): XnetError {
  const { statusCode, json, code, name } = error as DockerodeError;
  if (statusCode !== undefined) {
    const message = json?.message ?? errorMessage(error);
    return new XnetError(CODES[statusCode] ?? 'DOCKER', `Docker: ${message}`, { call, statusCode });
  }
  return new XnetError(
    'DOCKER',
    `Docker's API at ${socketPath}: ${connectionFailure(code, name, error)}`,
    { call },
    {
      cause: error,
    },
  );
}

/** True when Docker gave no reply. */
export function isAway(error: XnetError): boolean {
  return error.code === 'DOCKER' && error.fields.statusCode === undefined;
}

function connectionFailure(code: string | undefined, name: string | undefined, error: unknown): string {
  if (name === 'TimeoutError' || name === 'AbortError' || code === 'ABORT_ERR') return 'no answer in time';
  if (code === 'ENOENT') return 'there is no such socket';
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'EACCES') return 'permission denied';
  return errorMessage(error);
}
