/** Filters of packets: programs of the classic BPF (linux/filter.h), which the kernel runs on each packet of a socket. */
import koffi from 'koffi';
import { XnetError } from '../../errors.js';
import { checked, LINUX, setsockopt } from '../socket-libc.js';

/** struct sock_filter: an instruction. Jumps are relative, and go forward. */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** Returns how many bytes of the packet are kept; 0: it is not taken. */
export type Filter = readonly Instruction[];

/** BPF_RET | BPF_K */
export const RETURN = 0x06;
export const MOST_SNAP_BYTES = 0xffff;
/** The kernel's limit (BPF_MAXINSNS). */
export const MOST_INSTRUCTIONS = 4096;

const SO_ATTACH_FILTER = 26;
const INSTRUCTION_BYTES = 8;
/** struct sock_fprog: how many instructions, and at the next multiple of 8 a pointer to them. */
const HEADER_BYTES = 16;

/**
 * Of what the filter takes (undefined: all) `snapBytes` are kept. Throws INVALID when one of the two is out of bounds, KERNEL
 * when the kernel refuses the program.
 */
export function attachFilter(fd: number, filter: Filter | undefined, snapBytes: number): void {
  const cut = cutTo(snapBytes, filter ?? [{ code: RETURN, jt: 0, jf: 0, k: snapBytes }]);
  // The program behind its header, in one: both must live until the kernel has read them.
  const bytes = Buffer.alloc(HEADER_BYTES + cut.length * INSTRUCTION_BYTES);
  bytes.writeUInt16LE(cut.length, 0);
  bytes.writeBigUInt64LE(koffi.address(bytes) + BigInt(HEADER_BYTES), 8);
  for (const [i, { code, jt, jf, k }] of cut.entries()) {
    const at = HEADER_BYTES + i * INSTRUCTION_BYTES;
    bytes.writeUInt16LE(code, at);
    bytes.writeUInt8(jt, at + 2);
    bytes.writeUInt8(jf, at + 3);
    bytes.writeUInt32LE(k, at + 4);
  }
  const result = setsockopt(fd, LINUX.SOL_SOCKET, SO_ATTACH_FILTER, bytes, HEADER_BYTES);
  checked(result, `a filter of ${cut.length} instructions`);
}

function cutTo(snapBytes: number, filter: Filter): Filter {
  if (snapBytes < 1 || snapBytes > MOST_SNAP_BYTES)
    throw new XnetError('INVALID', `snap length ${snapBytes} is not from 1 to ${MOST_SNAP_BYTES} bytes`);
  if (filter.length > MOST_INSTRUCTIONS)
    throw new XnetError(
      'INVALID',
      `a filter of ${filter.length} instructions is longer than ${MOST_INSTRUCTIONS}`,
    );
  return filter.map((each) =>
    each.code === RETURN && each.k > snapBytes ? { ...each, k: snapBytes } : each,
  );
}
