/** What the kernel reports of changes to a namespace's nftables. */
import { closeSync } from 'node:fs';
import { attributesOf, openNetlink, receiveWaiting } from '../netlink/netlink.js';
import { ReadableWatch } from '../readable.js';
import { checked, LINUX, setsockopt } from '../socket-libc.js';
import { FAMILIES, type Family, NFT } from './nft-messages.js';

/** linux/netfilter/nfnetlink.h: NFNLGRP_NFTABLES, as a mask of groups. */
export const NFTABLES_GROUP = 1 << 6;
/** Of nfgenmsg. */
const HEADER = 4;
/** By their numbers. Other families have no table of ours. */
const REPORTED: Readonly<Record<number, Family>> = Object.fromEntries(
  (['inet', 'netdev', 'bridge'] as const).map((family) => [FAMILIES[family], family]),
);

/** linux/netlink.h */
const SOL_NETLINK = 270;
const LISTEN_ALL_NSID = 8;

export interface NftEventsOptions {
  /** Also of other namespaces that have a number in this one, as far as the kernel allows it. */
  readonly isEverywhere?: true;
}

/**
 * Calls `onChange` with tables of the families inet, netdev and bridge in which something has changed, as `inet NAME`; with undefined when it
 * may have changed in any. Until it is disposed of.
 */
export class NftEvents implements Disposable {
  readonly #fd: number;
  readonly #watch: ReadableWatch;

  /** Throws NOT_FOUND when no namespace is at the path (undefined: this process's own), UNSUPPORTED and KERNEL. */
  constructor(
    path: string | undefined,
    private readonly onChange: (table: string | undefined) => void,
    { isEverywhere }: NftEventsOptions = {},
  ) {
    this.#fd = openNetlink(LINUX.NETLINK_NETFILTER, path, NFTABLES_GROUP);
    if (isEverywhere) listenEverywhere(this.#fd);
    this.#watch = new ReadableWatch(this.#fd, () => this.#read());
  }

  [Symbol.dispose](): void {
    this.#watch.close();
    closeSync(this.#fd);
  }

  #read(): void {
    for (const table of this.#tables()) this.onChange(table);
  }

  /** Of any, when the kernel had no room for some of the events. */
  #tables(): Set<string | undefined> {
    try {
      return new Set(receiveWaiting(this.#fd, "nftables' events").flatMap((event) => tableOf(event) ?? []));
    } catch {
      return new Set([undefined]);
    }
  }
}

/** Closes the socket when the kernel refuses. */
function listenEverywhere(fd: number): void {
  const on = Buffer.from([1, 0, 0, 0]);
  try {
    checked(setsockopt(fd, SOL_NETLINK, LISTEN_ALL_NSID, on, on.length), 'setsockopt');
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function tableOf({ type, body }: { readonly type: number; readonly body: Buffer }): string | undefined {
  const family = REPORTED[body.readUInt8(0)];
  if (type === NFT.NEW_GENERATION || family === undefined) return undefined;
  // The first attribute of all but that is the name of the table.
  const [first] = attributesOf(body.subarray(HEADER));
  return first && `${family} ${first.value.toString('latin1').replace(/\0$/, '')}`;
}
