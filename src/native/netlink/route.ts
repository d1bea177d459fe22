/** Lists of the kernel's devices, forwarding entries and neighbours over netlink (rtnetlink(7)). */
import { closeSync } from 'node:fs';
import { withDeadline } from '../../concurrency/deadline.js';
import { limitTo } from '../../concurrency/limit.js';
import { isXnetError } from '../../errors.js';
import { LINUX } from '../socket-libc.js';
import { checkStrictly, dumpKernel, type Message, openNetlink } from './netlink.js';

/** How often a list is asked for that others change all the time. */
const MOST_DUMPS = 3;

/**
 * How many lists are asked for at a time: a list waits in a thread of Node's pool, which has four, for a lock that only one
 * can have. koffi refuses more than 256 calls at a time.
 */
const atATime = limitTo(2);

/** With the wait for its turn. As long as a program of iproute2 may take. */
const LIST_TIMEOUT_MS = 30_000;

/**
 * What the kernel of the namespace at `path` (undefined: this process's own) lists, each message's body decoded. Throws
 * NOT_FOUND when no namespace is at the path, TIMEOUT when others hold the kernel's lock of all devices for long, and what
 * `dumpKernel` throws.
 */
export function listKernel<Item>(
  path: string | undefined,
  message: Message,
  asked: string,
  decode: (body: Buffer) => Item,
): Promise<Item[]> {
  return inTime(() => withSocket(path, (fd) => listWhole(fd, message, asked, decode)), asked);
}

/**
 * As `listKernel`, of one list after the other: an empty one where the kernel says that what is asked for is gone. What else keeps one
 * from being whole is thrown: it must not count as empty. `isStrict`: the kernel looks at all that a message has.
 */
export function listEach<Item>(
  path: string | undefined,
  messages: readonly Message[],
  asked: string,
  decode: (body: Buffer) => Item,
  { isStrict = false } = {},
): Promise<Item[][]> {
  const listAll = async (fd: number) => {
    if (isStrict) checkStrictly(fd);
    const lists: Item[][] = [];
    for (const message of messages) lists.push(await listWhole(fd, message, asked, decode).catch(noneIfGone));
    return lists;
  };
  return inTime(() => withSocket(path, listAll), asked);
}

/**
 * Resolves as `list` does, which has to wait for its turn. Rejects with TIMEOUT when that takes too long: `list` is not begun then,
 * or keeps its turn until it ends, since its thread is not free before.
 */
export async function inTime<T>(
  list: () => Promise<T>,
  asked: string,
  timeoutMs = LIST_TIMEOUT_MS,
): Promise<T> {
  const late = new AbortController();
  const listed = atATime(async () => {
    if (late.signal.aborted) throw late.signal.reason;
    return list();
  });
  return withDeadline(listed, timeoutMs, asked).finally(() => late.abort('late'));
}

/** The kernel's words for the number of a namespace that is gone, in `rtnl_get_net_ns_capable` and while it is taken apart. */
const GONE = ['EINVAL', 'ENODEV', 'ENOENT'];

function noneIfGone(error: unknown): [] {
  if (isXnetError(error, 'KERNEL') && GONE.includes(String(error.fields.errno))) return [];
  throw error;
}

async function withSocket<T>(path: string | undefined, use: (fd: number) => Promise<T>): Promise<T> {
  const fd = openNetlink(LINUX.NETLINK_ROUTE, path);
  try {
    return await use(fd);
  } finally {
    closeSync(fd);
  }
}

/** Asks anew when something came or went in the midst of the list, a few times. Throws what `dumpKernel` does. */
export async function listWhole<Item>(
  fd: number,
  message: Message,
  asked: string,
  decode: (body: Buffer) => Item,
): Promise<Item[]> {
  for (let tries = 1; ; tries += 1) {
    const items: Item[] = [];
    const isWhole = await dumpKernel(fd, message, asked, (body) => items.push(decode(body)));
    if (isWhole || tries >= MOST_DUMPS) return items;
  }
}
