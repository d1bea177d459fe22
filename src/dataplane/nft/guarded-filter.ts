import { Limit } from '../../concurrency/limit.js';
import { XnetError } from '../../errors.js';
import type { Repair, TunnelFilter } from '../dataplane.js';
import type { OwnWork } from '../iproute2/own-work.js';
import { applyNft, readNftTable } from './nft.js';
import { TABLE, TUNNEL_FILTER, tunnelFilterLines } from './tunnel-filter.js';

/** A script that sets up a firewall flushes once. */
const MOST_TRIES = 3;

/**
 * The host's nft table, and whether it is as it was set: what nft printed of it then is compared, since what it prints
 * is not what it was given.
 */
export class GuardedFilter {
  readonly #limit = new Limit(1);
  /** What was set last, and what nft printed of it; no text: there was no table to be. */
  #last: { readonly lines: readonly string[]; readonly text: string | undefined } | undefined;

  constructor(
    private readonly hostNamespace: string | undefined,
    private readonly port: number,
    private readonly ownWork: OwnWork,
  ) {}

  /** Throws INVALID, KERNEL, UNSUPPORTED, TIMEOUT. */
  async set(filter: TunnelFilter): Promise<void> {
    const lines = tunnelFilterLines(filter, this.port);
    await this.#limit.run(() => this.ownWork.run(TUNNEL_FILTER, () => this.#set(lines)));
  }

  /** Throws like `set`. Nothing is repaired before something was set. */
  async repair(): Promise<readonly Repair[]> {
    return this.#limit.run(async () => {
      const last = this.#last;
      if (!last) return [];
      const repairs = diffTable(await this.#read(), last.text);
      if (repairs.length > 0) await this.#set(last.lines);
      return repairs;
    });
  }

  async #set(lines: readonly string[]): Promise<void> {
    this.#last = undefined;
    const isTable = lines.some((line) => line.startsWith('add rule'));
    for (let tries = 1; tries <= MOST_TRIES; tries++) {
      await applyNft(this.hostNamespace, lines);
      const text = await this.#read();
      // Otherwise others took it away before it was read, which must not pass for right.
      if (isTable !== (text !== undefined)) continue;
      this.#last = { lines, text };
      return;
    }
    throw new XnetError(
      'KERNEL',
      `the nft table ${TABLE} is gone as soon as it is set: find the program that flushes this host's nftables`,
    );
  }

  #read(): Promise<string | undefined> {
    return readNftTable(this.hostNamespace, TABLE);
  }
}

/** Of what nft prints of the table, which is one object; undefined: there is none. Pure. */
export function diffTable(observed: string | undefined, desired: string | undefined): Repair[] {
  if (observed === desired) return [];
  const was = observed === undefined ? 'missing' : desired === undefined ? 'extra' : 'altered';
  return [{ kind: 'tunnel-filter', object: TABLE, was }];
}
