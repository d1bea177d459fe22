/** How often a table of nftables was changed, by what the kernel reports: who knows his own changes knows whether others made some. */
import { closeSync } from 'node:fs';
import { isXnetError } from '../../errors.js';
import { attributesOf, openNetlink, receiveWaiting } from '../netlink/netlink.js';
import { ReadableWatch } from '../readable.js';
import { LINUX } from '../socket-libc.js';
import { NFTABLES_GROUP } from './nft-events.js';
import { FAMILIES, NFT } from './nft-messages.js';
import type { TableName } from './nft-table.js';

/** Of nfgenmsg. */
const HEADER = 4;

/**
 * Counts transactions: the kernel ends the report of each with its generation, and has reported it when whoever made it has the answer. More
 * is counted where reports were lost, so that a count that has grown by one stands for one transaction.
 */
export class TableChanges implements Disposable {
  readonly #fd: number;
  readonly #watch: ReadableWatch;
  #count = 0;
  #isTouched = false;

  /** Calls `onChange` after a change that nobody has counted before. Throws NOT_FOUND when no namespace is at the path, UNSUPPORTED and KERNEL. */
  constructor(
    path: string,
    private readonly name: TableName,
    onChange: () => void,
  ) {
    this.#fd = openNetlink(LINUX.NETLINK_NETFILTER, path, NFTABLES_GROUP);
    this.#watch = new ReadableWatch(this.#fd, () => {
      const before = this.#count;
      if (this.count() !== before) onChange();
    });
  }

  /** Until now. */
  count(): number {
    while (this.#take());
    return this.#count;
  }

  [Symbol.dispose](): void {
    this.#watch.close();
    closeSync(this.#fd);
  }

  /** One report; false: none waits. */
  #take(): boolean {
    try {
      for (const { type, body } of receiveWaiting(this.#fd, "nftables' events")) this.#note(type, body);
      return true;
    } catch (error: unknown) {
      const errno = isXnetError(error) ? error.fields.errno : undefined;
      if (errno === 'EAGAIN' || errno === 'EWOULDBLOCK') return false;
      // ENOBUFS: there was no room for some of them.
      this.#count += 2;
      this.#isTouched = false;
      return errno === 'ENOBUFS';
    }
  }

  #note(type: number, body: Buffer): void {
    if (type === NFT.NEW_GENERATION) {
      if (this.#isTouched) this.#count += 1;
      this.#isTouched = false;
    } else if (this.#isOf(body)) this.#isTouched = true;
  }

  #isOf(body: Buffer): boolean {
    if (body.readUInt8(0) !== FAMILIES[this.name.family]) return false;
    // The first attribute of all but a generation is the name of the table.
    const [first] = attributesOf(body.subarray(HEADER));
    return first?.value.toString('latin1').replace(/\0$/, '') === this.name.table;
  }
}
