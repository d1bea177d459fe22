import { once } from 'node:events';
import { closeSync, type Stats, statSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import type { Server } from 'node:net';
import { BACKLOG } from '../../native/backlog.js';
import { findSocketPath } from '../../native/unix-listener.js';
import { ignoreAbsent, makeSocket } from '../make-socket.js';
import type { KeeperClient } from './held-sockets.js';

export interface HeldListener {
  readonly server: Server;
  /** Where the keeper holds the socket. */
  readonly key: string;
  readonly path: string;
  /** The keeper takes what comes to `path` and carries it here, where the server is; absent: the server is on `path`. */
  readonly behind?: string;
}

interface Socket {
  readonly key: string;
  readonly path: string;
  readonly fd: number;
  /** Not held yet. */
  readonly isNew: boolean;
}

/**
 * Has each server go on with the socket that is held under its key, or make it: on its path, for root alone
 * (0600). A held one that the path no longer leads to (removed, or another path by now) is replaced, as is the
 * file that a dead process left; a path that answers and is not ours is refused with IN_USE.
 *
 * Nothing is held before all of them are open: a first start that fails then ends the keeper, too. `onNotHeld` is
 * called with the reason why a socket is not held: its server works, but the socket does not outlive this process.
 *
 * Closing a server leaves its path in place, for the next daemon; removeSockets takes it away.
 */
export async function listenHeld(
  listeners: readonly HeldListener[],
  sockets: KeeperClient,
  onNotHeld: (error: unknown) => void,
): Promise<void> {
  const opened = [];
  for (const { server, key, path, behind } of listeners) {
    const front = await openSocket(key, path, sockets);
    const back = behind === undefined ? undefined : await openSocket(`${key}/behind`, behind, sockets);
    opened.push({ server, front, back });
  }
  for (const { server, front, back } of opened) {
    const isHeld = await hold(front, sockets).catch(onNotHeld);
    const isRelayed = back && isHeld && (await relay(front, back, sockets).catch(onNotHeld));
    const [served, left] = isRelayed ? [back, front] : [front, back];
    await listenOn(server, served.fd);
    if (left) closeSync(left.fd);
  }
}

/** Removes the paths of sockets that will not be served again, but for the supervisor's; relayed calls end first. */
export async function removeSockets(
  listeners: readonly HeldListener[],
  sockets: KeeperClient,
): Promise<void> {
  const given = sockets.list().flatMap((entry) => (entry.given ? [entry.key] : []));
  for (const { key, path } of listeners) if (!given.includes(key)) await unlink(path).catch(ignoreAbsent);
  for (const { key, behind } of listeners) {
    if (behind === undefined) continue;
    await sockets.endRelay(key).catch(() => undefined);
    await unlink(behind).catch(ignoreAbsent);
  }
}

async function openSocket(key: string, path: string, sockets: KeeperClient): Promise<Socket> {
  const taken = takeSocketAt(path, key, sockets);
  return { key, path, fd: taken ?? (await makeSocket(path)), isNew: taken === undefined };
}

async function hold({ key, fd, isNew }: Socket, sockets: KeeperClient): Promise<true> {
  if (isNew) await sockets.hold(key, fd);
  return true;
}

/** The one behind is held first: calls wait there while no daemon runs. */
async function relay(front: Socket, back: Socket, sockets: KeeperClient): Promise<boolean> {
  await hold(back, sockets);
  return sockets.relay(front.key, back.path);
}

async function listenOn(server: Server, fd: number): Promise<void> {
  // Node listens once more, and without the number would cut the queue to 511.
  server.listen({ fd }, BACKLOG);
  await once(server, 'listening');
}

function takeSocketAt(path: string, key: string, sockets: KeeperClient): number | undefined {
  const fd = sockets.take(key);
  if (fd === undefined) return undefined;
  const bound = findSocketPath(fd);
  if (bound !== undefined && isSameSocket(bound, path)) return fd;
  closeSync(fd);
  return undefined;
}

/** By inode: /run and /var/run lead to one. */
function isSameSocket(one: string, other: string): boolean {
  const [a, b] = [findStat(one), findStat(other)];
  return a?.isSocket() === true && a.dev === b?.dev && a.ino === b.ino;
}

function findStat(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}
