import type { IncomingMessage } from 'node:http';

/** Far above what Docker sends. The keeper refuses what is over 2 MB before it is read whole. */
const MOST_BYTES = 1 << 20;

/** The request is answered with this HTTP status, and its connection ends. */
export class UnreadableBody extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** The body, in UTF-8. Rejects with UnreadableBody when it broke off, or is over a megabyte: then the rest is not read. */
export function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    request.on('data', (part: Buffer) => {
      length += part.length;
      parts.push(part);
      if (length <= MOST_BYTES) return;
      request.pause();
      reject(new UnreadableBody(413, `it is too large: over ${MOST_BYTES} bytes`));
    });
    request.on('end', () =>
      resolve((parts.length === 1 ? parts[0] : Buffer.concat(parts))?.toString() ?? ''),
    );
    request.on('error', (error) => reject(new UnreadableBody(400, error.message)));
  });
}
