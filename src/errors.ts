/**
 * The one error class of xnet and the table of its codes.
 *
 * Adapters (iproute2, nft, etcd, lmdb) translate foreign failures into these codes; nothing else
 * looks at foreign error texts. A message says what is wrong, with which value, and what to do.
 */

/** Code -> what it means. */
export const ERROR_CODES = {
  // The caller's fault.
  INVALID: 'a value given to xnet is not acceptable',
  NOT_FOUND: 'a thing named by an id does not exist',
  EXISTS: 'a thing to be created exists and differs',
  IN_USE: 'an address, subnet, VNI, name, VTEP or socket is held by another',
  EXHAUSTED: 'no free address, pool or VNI is left',
  EMPTY_REQUEST: 'Docker retried a broken call without its body',
  // The environment's.
  STORE_UNAVAILABLE: 'the store did not answer in time',
  STORE_DENIED: 'the store refused the credentials',
  DISK: 'the state directory cannot be written',
  STORE_CONFLICT: 'others kept changing the same record',
  KERNEL: 'the kernel or iproute2 refused an operation',
  DOCKER: "Docker's API did not answer, or failed",
  UNSUPPORTED: 'this kernel or host lacks something xnet needs',
  TIMEOUT: 'the call took longer than its own deadline',
  STOPPING: 'xnet is shutting down',
  // Ours.
  INTERNAL: 'a bug in xnet',
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
