/** What the kernel reports of routes that are deleted in a namespace. */
import { closeSync } from 'node:fs';
import { ReadableWatch } from '../readable.js';
import { LINUX } from '../socket-libc.js';
import { attributesOf, openNetlink, receiveWaiting } from './netlink.js';

/** linux/rtnetlink.h: RTMGRP_IPV4_ROUTE and RTMGRP_IPV6_ROUTE, as a mask of groups. */
const GROUPS = 0x40 | 0x400;
const ROUTE_DELETED = 25;
/** struct rtmsg. */
const HEADER = 12;
/** RTA_OIF */
const INTERFACE = 4;

/** Calls `onDeleted` with the interface of each route that is deleted; undefined: events were lost. Until it is disposed of. */
export class RouteEvents implements Disposable {
  readonly #fd: number;
  readonly #watch: ReadableWatch;

  /** Throws NOT_FOUND when no namespace is at the path (undefined: this process's own), UNSUPPORTED and KERNEL. */
  constructor(
    path: string | undefined,
    private readonly onDeleted: (interfaceIndex: number | undefined) => void,
  ) {
    this.#fd = openNetlink(LINUX.NETLINK_ROUTE, path, GROUPS);
    this.#watch = new ReadableWatch(this.#fd, () => this.#read());
  }

  [Symbol.dispose](): void {
    this.#watch.close();
    closeSync(this.#fd);
  }

  #read(): void {
    for (const index of this.#deleted()) this.onDeleted(index);
  }

  #deleted(): Iterable<number | undefined> {
    try {
      const answers = receiveWaiting(this.#fd, 'the events of routes');
      const deleted = answers.filter(({ type }) => type === ROUTE_DELETED);
      return new Set(deleted.map(({ body }) => interfaceOf(body.subarray(HEADER))));
    } catch {
      return [undefined];
    }
  }
}

function interfaceOf(bytes: Buffer): number {
  for (const { type, value } of attributesOf(bytes)) if (type === INTERFACE) return value.readInt32LE();
  return 0;
}
