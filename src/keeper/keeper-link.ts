import { connectKeeper, type HeldSockets, type KeeperConnection, NOTHING_HELD } from './held-sockets.js';
import { StopOrder } from './stop-order.js';

/**
 * The connection of this process to its keeper. It can be made once only, and outlives a daemon that cannot start: what
 * stands in for it goes on with the sockets that are held.
 */
export class KeeperLink implements AsyncDisposable {
  #order: StopOrder | undefined;
  #connection: Promise<KeeperConnection | undefined> | undefined;

  /** From the first time that it is asked for, signals end the process by this order alone. */
  get order(): StopOrder {
    this.#order ??= new StopOrder();
    return this.#order;
  }

  /** The same to all who ask. Rejects when there is a keeper that does not answer. */
  async connect(): Promise<HeldSockets> {
    this.#connection ??= connectKeeper(this.order);
    return (await this.#connection) ?? NOTHING_HELD;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    connection?.[Symbol.dispose]();
  }
}
