/** Lists of the kernel's devices, forwarding entries and neighbours over netlink (rtnetlink(7)). */
import { closeSync } from 'node:fs';
import { limitTo } from '../../concurrency/limit.js';
import { LINUX } from '../socket-libc.js';
import { dumpKernel, type Message, openNetlink } from './netlink.js';

/** How often a list is asked for that others change all the time. */
const MOST_DUMPS = 3;

/**
 * How many lists are asked for at a time: a list waits in a thread of Node's pool, which has four, for a lock that only one
 * can have. koffi refuses more than 256 calls at a time.
 */
const atATime = limitTo(2);

/**
 * What the kernel of the namespace at `path` (undefined: this process's own) lists, each message's body decoded. Throws
 * NOT_FOUND when no namespace is at the path, and what `dumpKernel` throws.
 */
export function listKernel<Item>(
  path: string | undefined,
  message: Message,
  asked: string,
  decode: (body: Buffer) => Item,
): Promise<Item[]> {
  return atATime(() => listWhole(path, message, asked, decode));
}

async function listWhole<Item>(
  path: string | undefined,
  message: Message,
  asked: string,
  decode: (body: Buffer) => Item,
): Promise<Item[]> {
  const fd = openNetlink(LINUX.NETLINK_ROUTE, path);
  try {
    for (let tries = 1; ; tries += 1) {
      const items: Item[] = [];
      const isWhole = await dumpKernel(fd, message, asked, (body) => items.push(decode(body)));
      if (isWhole || tries >= MOST_DUMPS) return items;
    }
  } finally {
    closeSync(fd);
  }
}
