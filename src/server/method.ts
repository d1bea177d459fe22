/** A method of Docker's plugin protocol, and a call of one, as the drivers' files see them. */
import { randomBytes } from 'node:crypto';
import type { z } from 'zod';

/** One method of the protocol. */
export interface RpcMethod {
  /** For instance NetworkDriver.Join. */
  readonly name: string;
  /** Absent: the method takes no body. */
  readonly request?: z.ZodType;
  /** The answer; undefined: it is done, and there is nothing to say. */
  handle(request: never, call: Call): object | Promise<object | undefined>;
}

/** A method whose handler gets what `request` makes of the body. */
export function method<Schema extends z.ZodType>(
  name: string,
  request: Schema,
  handle: (request: z.infer<Schema>, call: Call) => Promise<object | undefined>,
): RpcMethod {
  return { name, request, handle };
}

/** A call as its handler knows it. */
export interface Call {
  /** Fires when the call has taken too long, and Docker has that for its answer. */
  readonly signal: AbortSignal;
  /** 16 random hex digits; the same when the call is repeated. */
  readonly id: string;
  /** A daemon before this one may have done any part of the work. */
  readonly repeated: boolean;
}

/** The keeper's header of a call (keeper/call-relays.ts): its id, and how many daemons were asked before. */
export const CALL_HEADER = 'x-xnet-call';
/** The keeper's, where it uses connections again: the answer does not end this one. */
export const KEEP_HEADER = 'x-xnet-keep';

/** The call of a request with this header. Without a keeper, or with another's header, it is a new one. */
export function parseCall(header: string | undefined, signal: AbortSignal): Call {
  const [, id, repeats] = /^([0-9a-f]{16}) (\d+)$/.exec(header ?? '') ?? [];
  if (id === undefined) return { id: randomBytes(8).toString('hex'), repeated: false, signal };
  return { id, repeated: Number(repeats) > 0, signal };
}
