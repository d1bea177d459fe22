/**
 * The numbers that other network namespaces have in one (ip-netns(8), "list-id"). Each into which one of its devices was moved has a
 * number (__dev_change_net_namespace in the kernel's dev.c), named or not.
 */

import { closeSync } from 'node:fs';
import { LINUX } from '../socket-libc.js';
import { askKernel, attribute, eachAttribute, openNetlink } from './netlink.js';
import { listKernel } from './route.js';

/** linux/rtnetlink.h and net_namespace.h */
const GET_NUMBER = 90;
const NUMBER = 1;
const DESCRIPTOR = 3;
/** struct rtgenmsg, padded. */
const HEADER = 4;

/** Numbers in the namespace at `path` (undefined: this process's own). Throws what `listKernel` does. */
export async function listNumbers(path: string | undefined): Promise<number[]> {
  const message = { type: GET_NUMBER, header: Buffer.alloc(HEADER) };
  return listKernel(path, message, 'the list of namespaces', (body) => {
    let number = -1;
    eachAttribute(body.subarray(HEADER), (type, value) => {
      if (type === NUMBER) number = value.readInt32LE();
    });
    return number;
  });
}

/**
 * The number that the namespace of an open file has in the one at `path`; undefined: it has none, and no device leads there. Throws
 * what `askKernel` does.
 */
export function numberOf(path: string | undefined, namespaceFd: number): number | undefined {
  const descriptor = Buffer.alloc(4);
  descriptor.writeInt32LE(namespaceFd);
  const message = {
    type: GET_NUMBER,
    header: Buffer.alloc(HEADER),
    attributes: [attribute(DESCRIPTOR, descriptor)],
  };
  const fd = openNetlink(LINUX.NETLINK_ROUTE, path);
  try {
    const [answer] = askKernel(fd, [message], 'the number of a namespace');
    let number = -1;
    eachAttribute(answer?.body.subarray(HEADER) ?? Buffer.alloc(0), (type, value) => {
      if (type === NUMBER) number = value.readInt32LE();
    });
    return number < 0 ? undefined : number;
  } finally {
    closeSync(fd);
  }
}
