import { failedWith, LINUX, recv } from './socket-libc.js';

/** What waits to be read on a connection: some bytes, nothing so far, or nothing ever again (the peer has gone). */
export type Waiting = 'data' | 'nothing' | 'end';

/** Takes nothing from the connection. Synchronous, never blocks. */
export function peek(fd: number): Waiting {
  const received = recv(fd, Buffer.alloc(1), 1, LINUX.MSG_PEEK | LINUX.MSG_DONTWAIT);
  if (received > 0) return 'data';
  return received < 0 && failedWith('EAGAIN') ? 'nothing' : 'end';
}
