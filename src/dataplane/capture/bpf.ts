/** Programs of the classic BPF (linux/bpf_common.h, linux/filter.h), and what is made of them. Pure. */
import { XnetError } from '../../errors.js';
import { type Filter, type Instruction, RETURN } from '../../native/packets/packet-filter.js';

export const BPF = {
  LOAD_WORD: 0x20,
  LOAD_HALF: 0x28,
  LOAD_BYTE: 0x30,
  LOAD_LENGTH: 0x80,
  SUBTRACT: 0x14,
  SHIFT_RIGHT: 0x74,
  IF_EQUAL: 0x15,
  IF_SET: 0x45,
} as const;

/** SKF_AD_OFF: from here on an offset means something that the kernel knows of the packet, such as its protocol. */
export const ANCILLARY = 0xfffff000;

const CLASS = 0x07;
const MODE = 0xe0;
const LOAD = 0x00;
const LOAD_INDEX = 0x01;
const JUMP = 0x05;
const JUMP_ALWAYS = 0x05;
/** BPF_ABS, BPF_IND, BPF_MSH: k is a place in the packet. */
const OF_PACKET = [0x20, 0x40, 0xa0];
/** A jump is a byte. */
const FARTHEST = 0xff;

export function instruction(code: number, k: number, jt = 0, jf = 0): Instruction {
  return { code, jt, jf, k };
}

/** Loads something; what it is must be `equal`, or have none of the bits in `without`. */
export type Condition = { readonly load: Filter } & (
  | { readonly equal: number }
  | { readonly without: number }
);

/** The beginning of a program: packets that meet all conditions go on behind it, the others are not taken. */
export function gate(conditions: readonly Condition[]): Filter {
  const lengths = conditions.map(({ load }) => load.length + 1);
  let left = lengths.reduce((sum, length) => sum + length, 0);
  const tests = conditions.flatMap((condition, i) => {
    left -= lengths[i] ?? 0;
    // Behind the tests that are left stands the end; the last test jumps over it.
    const isLast = left === 0;
    const [met, not] = [isLast ? 1 : 0, left];
    const test =
      'equal' in condition
        ? instruction(BPF.IF_EQUAL, condition.equal, met, not)
        : instruction(BPF.IF_SET, condition.without, not, met);
    return [...condition.load, test];
  });
  return [...tests, instruction(RETURN, 0)];
}

/** The program for packets that have `bytes` more in front. Throws INVALID when it becomes too long for its jumps. */
export function behind(bytes: number, program: Filter): Filter {
  const parts = program.map((each) => moved(bytes, each));
  const starts = [0];
  for (const part of parts) starts.push((starts.at(-1) ?? 0) + part.length);
  return parts.flatMap((part, i) => {
    const end = starts[i + 1] ?? 0;
    const distance = (jump: number) => (starts[i + 1 + jump] ?? end) - end;
    return part.map((each) => withJumps(each, distance));
  });
}

/** The length of the packet is the one thing that takes another instruction. */
function moved(bytes: number, each: Instruction): Filter {
  if (each.code === BPF.LOAD_LENGTH) return [each, instruction(BPF.SUBTRACT, bytes)];
  const [kind, mode] = [each.code & CLASS, each.code & MODE];
  const isOfPacket = (kind === LOAD || kind === LOAD_INDEX) && OF_PACKET.includes(mode) && each.k < ANCILLARY;
  return [isOfPacket ? { ...each, k: each.k + bytes } : each];
}

function withJumps(each: Instruction, distance: (jump: number) => number): Instruction {
  if ((each.code & CLASS) !== JUMP) return each;
  if (each.code === JUMP_ALWAYS) return { ...each, k: distance(each.k) };
  const [jt, jf] = [distance(each.jt), distance(each.jf)];
  if (Math.max(jt, jf) > FARTHEST)
    throw new XnetError('INVALID', 'the filter has too many parts; give a simpler one');
  return { ...each, jt, jf };
}
