import type { Server } from 'node:http';

/** Takes no new calls and resolves when those in flight are answered. */
export async function closeServer(server: Server): Promise<void> {
  // A client may keep its connection open; one whose last call was answered after `close` must be closed too.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearInterval(sweep);
}
