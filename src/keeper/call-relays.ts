/** Held sockets on which the keeper itself takes calls, and carries them to the daemon that runs. */
import { createServer, type Server } from 'node:net';
import { XnetError } from '../errors.js';
import { BACKLOG } from '../native/backlog.js';
import type { HeldEntry } from './messages.js';
import { RelayedCall } from './relayed-call.js';

interface Relay {
  readonly entry: HeldEntry;
  readonly to: string;
  readonly server: Server;
}

/** Calls that came before a socket's path was removed are taken within so long. */
const LAST_CALLS_MS = 50;

export class CallRelays {
  readonly #relays = new Map<string, Relay>();

  /**
   * Takes the calls that come to the held socket `entry` and carries them to the socket at `to`, also while nobody
   * serves that. Goes on where it does so already. `duplicate` makes a descriptor of the socket for the relay alone.
   * Throws KERNEL.
   */
  start(entry: HeldEntry, to: string, duplicate: () => number): void {
    const before = this.#relays.get(entry.key);
    if (before?.entry === entry && before.to === to) return;
    const server = createServer((client) => new RelayedCall(client, to));
    // Of one connection (no descriptor was free): its caller sees it closed.
    server.on('error', () => undefined);
    server.listen({ fd: duplicate() }, BACKLOG);
    // The keeper ends when its last daemon has.
    server.unref();
    if (!server.listening) throw new XnetError('KERNEL', `cannot take calls on ${entry.key}`);
    this.#relays.set(entry.key, { entry, to, server });
    before?.server.close();
  }

  /** Takes no new calls and resolves when those under way are answered. Nothing there is success. */
  async end(key: string): Promise<void> {
    const relay = this.#relays.get(key);
    if (!relay) return;
    this.#relays.delete(key);
    await new Promise((resolve) => setTimeout(resolve, LAST_CALLS_MS));
    await new Promise<void>((resolve) => relay.server.close(() => resolve()));
  }
}
