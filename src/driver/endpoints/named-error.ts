import { isXnetError, XnetError } from '../../errors.js';

/**
 * The error with the names of the networks in its message: the data plane knows them by their ids alone, which no command of Docker's
 * shows. Pure.
 */
export function namedError(error: unknown, nameOf: (networkId: string) => string | undefined): unknown {
  if (!isXnetError(error)) return error;
  const message = error.message.replace(/\bnetwork ([0-9a-f]{12})\b/g, (text, networkId: string) => {
    const name = nameOf(networkId);
    return name === undefined ? text : `network ${name}`;
  });
  return message === error.message
    ? error
    : new XnetError(error.code, message, error.fields, { cause: error });
}
