/**
 * The one error class of xnet and the table of its codes.
 *
 * Adapters (iproute2, nft, etcd, lmdb) translate foreign failures into these codes; nothing else
 * looks at foreign error texts. A message says what is wrong, with which value, and what to do.
 */

/** Code -> what it means, whose fault it is, and whether the same call may succeed later. */
export const ERROR_CODES = {
  INVALID: { meaning: 'a value given to xnet is not acceptable', fault: 'caller', retry: false },
  NOT_FOUND: { meaning: 'a thing named by an id does not exist', fault: 'caller', retry: false },
  EXISTS: { meaning: 'a thing to be created exists and differs', fault: 'caller', retry: false },
  IN_USE: {
    meaning: 'an address, subnet, VNI, name, VTEP or socket is held by another',
    fault: 'caller',
    retry: false,
  },
  EXHAUSTED: { meaning: 'no free address, pool or VNI is left', fault: 'caller', retry: false },
  EMPTY_REQUEST: { meaning: 'Docker retried a broken call without its body', fault: 'caller', retry: false },
  STORE_UNAVAILABLE: { meaning: 'the store did not answer in time', fault: 'environment', retry: true },
  STORE_DENIED: { meaning: 'the store refused the credentials', fault: 'environment', retry: false },
  DISK: { meaning: 'the state directory cannot be written', fault: 'environment', retry: true },
  STORE_CONFLICT: { meaning: 'others kept changing the same record', fault: 'environment', retry: true },
  KERNEL: { meaning: 'the kernel or iproute2 refused an operation', fault: 'environment', retry: false },
  DOCKER: { meaning: "Docker's API did not answer, or failed", fault: 'environment', retry: true },
  UNSUPPORTED: {
    meaning: 'this kernel or host lacks something xnet needs',
    fault: 'environment',
    retry: false,
  },
  TIMEOUT: { meaning: 'the call took longer than its own deadline', fault: 'environment', retry: true },
  STOPPING: { meaning: 'xnet is shutting down', fault: 'environment', retry: true },
  INTERNAL: { meaning: 'a bug in xnet', fault: 'xnet', retry: false },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export class XnetError extends Error {
  override readonly name = 'XnetError';

  /** `fields` are for logs: ids and values, never secrets. */
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly fields: Readonly<Record<string, unknown>> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** True for an XnetError of one of `codes` (of any code when none is given). */
export function isXnetError(error: unknown, ...codes: ErrorCode[]): error is XnetError {
  return error instanceof XnetError && (codes.length === 0 || codes.includes(error.code));
}

/** The text of anything thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
