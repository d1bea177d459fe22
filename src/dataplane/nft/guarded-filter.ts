import { XnetError } from '../../errors.js';
import type { Repair } from '../dataplane.js';
import { applyNft, readNftTable } from './nft.js';
import { TABLE } from './tunnel-filter.js';

/** A script that sets up a firewall flushes once. */
const MOST_TRIES = 3;

/**
 * The host's nft table, and whether it is as it was set: what nft printed of it then is compared, since what it prints
 * is not what it was given. One thing at a time is to be asked of it.
 */
export class GuardedFilter {
  #lines: readonly string[] | undefined;
  /** What nft printed of the table; undefined: there was none to be. */
  #text: string | undefined;

  constructor(private readonly hostNamespace: string | undefined) {}

  /** Throws KERNEL, UNSUPPORTED, TIMEOUT. */
  async set(lines: readonly string[]): Promise<void> {
    this.#lines = undefined;
    const isTable = lines.some((line) => line.startsWith('add rule'));
    for (let tries = 1; tries <= MOST_TRIES; tries++) {
      await applyNft(this.hostNamespace, lines);
      this.#text = await this.#read();
      // Otherwise others took it away before it was read, which must not pass for right.
      if (isTable !== (this.#text !== undefined)) continue;
      this.#lines = lines;
      return;
    }
    throw new XnetError(
      'KERNEL',
      `the nft table ${TABLE} is gone as soon as it is set: find the program that flushes this host's nftables`,
    );
  }

  /** Throws like `set`. Nothing is repaired before something was set. */
  async repair(): Promise<readonly Repair[]> {
    const lines = this.#lines;
    if (!lines) return [];
    const text = await this.#read();
    if (text === this.#text) return [];
    await this.set(lines);
    const was = text === undefined ? 'missing' : this.#text === undefined ? 'extra' : 'altered';
    return [{ kind: 'tunnel-filter', object: TABLE, was }];
  }

  #read(): Promise<string | undefined> {
    return readNftTable(this.hostNamespace, TABLE);
  }
}
