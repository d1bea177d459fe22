/** What the kernel reports of changes to a namespace's nftables. */
import { closeSync } from 'node:fs';
import { ReadableWatch } from '../readable.js';
import { LINUX } from '../socket-libc.js';
import { attributesOf, openNetlink, receiveWaiting } from './netlink.js';

/** linux/netfilter/nfnetlink.h: NFNLGRP_NFTABLES, as a mask of groups. */
const GROUP = 1 << 6;
const SUBSYSTEM = 10;
/** The end of each transaction, which is of no table. */
const NEW_GENERATION = (SUBSYSTEM << 8) | 15;
/** Of nfgenmsg. */
const HEADER = 4;
/** NFPROTO_INET */
const INET = 1;

/** Calls `onChange` when something in the table of family inet has changed, or may have; until it is disposed of. */
export class InetTableEvents implements Disposable {
  readonly #fd: number;
  readonly #watch: ReadableWatch;
  readonly #tableName: Buffer;

  /** Throws NOT_FOUND when no namespace is at the path (undefined: this process's own), UNSUPPORTED and KERNEL. */
  constructor(
    path: string | undefined,
    table: string,
    private readonly onChange: () => void,
  ) {
    this.#tableName = Buffer.from(`${table}\0`);
    this.#fd = openNetlink(LINUX.NETLINK_NETFILTER, path, GROUP);
    this.#watch = new ReadableWatch(this.#fd, () => this.#read());
  }

  [Symbol.dispose](): void {
    this.#watch.close();
    closeSync(this.#fd);
  }

  #read(): void {
    if (this.#isOfTable()) this.onChange();
  }

  /** Also when the kernel had no room for some of the events. */
  #isOfTable(): boolean {
    try {
      return receiveWaiting(this.#fd, "nftables' events").some(({ type, body }) => {
        if (type === NEW_GENERATION || body.readUInt8(0) !== INET) return false;
        // The first attribute of all others is the name of the table.
        const [first] = attributesOf(body.subarray(HEADER));
        return first?.value.equals(this.#tableName) ?? false;
      });
    } catch {
      return true;
    }
  }
}
