import { randomBytes } from 'node:crypto';

/** A call as its handler knows it. */
export interface Call {
  /** 16 random hex digits; the same when the call is repeated. */
  readonly id: string;
  /** A daemon before this one may have done any part of the work. */
  readonly repeated: boolean;
}

/** What the keeper says of a call (keeper/call-relays.ts): its id, and how many daemons were asked before. */
export const CALL_HEADER = 'x-xnet-call';

/** The call of a request with this header. Without a keeper, or with another's header, it is a new one. */
export function parseCall(header: string | undefined): Call {
  const [, id, repeats] = /^([0-9a-f]{16}) (\d+)$/.exec(header ?? '') ?? [];
  if (id === undefined) return { id: randomBytes(8).toString('hex'), repeated: false };
  return { id, repeated: Number(repeats) > 0 };
}
