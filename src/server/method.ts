/** A method of Docker's plugin protocol, and a call of one, as the drivers' files see them. */
import { randomBytes } from 'node:crypto';
import type { z } from 'zod';

/** One method of the protocol. */
export interface RpcMethod {
  /** For instance NetworkDriver.Join. */
  readonly name: string;
  /** Absent: the method takes no body. */
  readonly request?: z.ZodType;
  handle(request: never, signal: AbortSignal, call: Call): object | Promise<object>;
}

/** `signal` fires when the call has taken too long, and Docker has that for its answer. */
type Handler<Request, Result> = (request: Request, signal: AbortSignal, call: Call) => Promise<Result>;

/** A method whose handler gets what `request` makes of the body. */
export function method<Schema extends z.ZodType>(
  name: string,
  request: Schema,
  handle: Handler<z.infer<Schema>, object>,
): RpcMethod {
  return { name, request, handle };
}

/** A method with an empty answer: it is done. */
export function command<Schema extends z.ZodType>(
  name: string,
  request: Schema,
  handle: Handler<z.infer<Schema>, void>,
): RpcMethod {
  return method(name, request, async (...call) => {
    await handle(...call);
    return {};
  });
}

/** A call as its handler knows it. */
export interface Call {
  /** 16 random hex digits; the same when the call is repeated. */
  readonly id: string;
  /** A daemon before this one may have done any part of the work. */
  readonly repeated: boolean;
}

/** The keeper's header of a call (keeper/call-relays.ts): its id, and how many daemons were asked before. */
export const CALL_HEADER = 'x-xnet-call';

/** The call of a request with this header. Without a keeper, or with another's header, it is a new one. */
export function parseCall(header: string | undefined): Call {
  const [, id, repeats] = /^([0-9a-f]{16}) (\d+)$/.exec(header ?? '') ?? [];
  if (id === undefined) return { id: randomBytes(8).toString('hex'), repeated: false };
  return { id, repeated: Number(repeats) > 0 };
}
