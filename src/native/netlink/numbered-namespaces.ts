/**
 * The numbers that other network namespaces have in one (ip-netns(8), "list-id"). Each into which one of its devices was moved has a
 * number (__dev_change_net_namespace in the kernel's dev.c), named or not.
 */

import { eachAttribute } from './netlink.js';
import { listKernel } from './route.js';

/** linux/rtnetlink.h and net_namespace.h */
const GET_NUMBER = 90;
const NUMBER = 1;
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
