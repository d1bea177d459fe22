/** Enough of HTTP to see where a request or an answer ends. */

const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * Bytes of the message that begins with `bytes`, head and body; undefined until its head is whole. Infinite where no
 * Content-Length is given: it ends with the connection, or in a way that is not known here.
 */
export function messageLength(bytes: Buffer): number | undefined {
  const at = bytes.indexOf(HEAD_END);
  if (at < 0) return undefined;
  const [, length] = /\r\ncontent-length: *(\d+)\r\n/i.exec(bytes.toString('latin1', 0, at + 2)) ?? [];
  return length === undefined ? Number.POSITIVE_INFINITY : at + HEAD_END.length + Number(length);
}

/** Whether the sender of this message, whose head is whole, closes the connection behind it. */
export function endsConnection(bytes: Buffer): boolean {
  const head = bytes.toString('latin1', 0, bytes.indexOf(HEAD_END) + 2);
  return /\r\nconnection: *close\r\n/i.test(head) || messageLength(bytes) === Number.POSITIVE_INFINITY;
}

/** The message with `lines`, each ended by CRLF, put behind its first line; undefined until that is whole. */
export function withHeaders(bytes: Buffer, lines: string): Buffer | undefined {
  const line = bytes.indexOf('\n') + 1;
  if (line === 0) return undefined;
  return Buffer.concat([bytes.subarray(0, line), Buffer.from(lines, 'latin1'), bytes.subarray(line)]);
}
