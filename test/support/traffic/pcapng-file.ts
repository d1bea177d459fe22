/** A reader of pcapng files (draft-ietf-opsawg-pcapng), which takes nothing that the draft does not allow. */

export interface FilePacket {
  /** Name of its interface. */
  readonly point: string;
  /** Nanoseconds since 1970. */
  readonly atNs: bigint;
  readonly direction: string | undefined;
  readonly length: number;
  readonly bytes: Buffer;
}

export interface PcapngFile {
  /** Names of the interfaces, in their order. */
  readonly points: readonly string[];
  readonly packets: readonly FilePacket[];
  /** Name of the interface -> packets that were lost, of each that has statistics at the end. */
  readonly lost: ReadonlyMap<string, number>;
  readonly comments: readonly string[];
}

interface Block {
  readonly type: number;
  readonly body: Buffer;
}

const TYPES = { section: 0x0a0d0d0a, interface: 1, statistics: 5, packet: 6 } as const;
const ETHERNET = 1;

export function readPcapng(file: Buffer): PcapngFile {
  const [section, ...blocks] = [...blocksOf(file)];
  if (section?.type !== TYPES.section || section.body.readUInt32LE(0) !== 0x1a2b3c4d)
    throw new Error('it does not begin with a section header');
  const points: string[] = [];
  const packets: FilePacket[] = [];
  const lost = new Map<string, number>();
  for (const { type, body } of blocks) {
    if (type === TYPES.interface) points.push(readInterface(body));
    else if (type === TYPES.packet) packets.push(readPacket(body, points));
    else if (type === TYPES.statistics)
      lost.set(pointOf(points, body), Number(optionsOf(body, 12).get(5)?.readBigUInt64LE(0) ?? 0n));
    else throw new Error(`block of type ${type}`);
  }
  const comment = optionsOf(section.body, 16).get(1);
  return { points, packets, lost, comments: comment ? [`${comment}`] : [] };
}

function* blocksOf(file: Buffer): Generator<Block> {
  for (let at = 0; at < file.length; ) {
    const length = file.readUInt32LE(at + 4);
    if (length % 4 !== 0 || length < 12 || file.readUInt32LE(at + length - 4) !== length)
      throw new Error(`the block at ${at} is not whole`);
    yield { type: file.readUInt32LE(at), body: file.subarray(at + 8, at + length - 4) };
    at += length;
  }
}

function readInterface(body: Buffer): string {
  const options = optionsOf(body, 8);
  if (body.readUInt16LE(0) !== ETHERNET) throw new Error('an interface is not Ethernet');
  if (options.get(9)?.readUInt8(0) !== 9) throw new Error('its times are not nanoseconds');
  return `${options.get(2)}`;
}

function readPacket(body: Buffer, points: readonly string[]): FilePacket {
  const kept = body.readUInt32LE(12);
  const options = optionsOf(body, 20 + Math.ceil(kept / 4) * 4);
  return {
    point: pointOf(points, body),
    atNs: (BigInt(body.readUInt32LE(4)) << 32n) | BigInt(body.readUInt32LE(8)),
    direction: [undefined, 'in', 'out'][(options.get(2)?.readUInt32LE(0) ?? 0) & 3],
    length: body.readUInt32LE(16),
    bytes: body.subarray(20, 20 + kept),
  };
}

function pointOf(points: readonly string[], body: Buffer): string {
  const point = points[body.readUInt32LE(0)];
  if (point === undefined) throw new Error('a block is of an interface that has not been described');
  return point;
}

function optionsOf(body: Buffer, offset: number): Map<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = offset; at < body.length; ) {
    const [code, length] = [body.readUInt16LE(at), body.readUInt16LE(at + 2)];
    if (code === 0) return options;
    options.set(code, body.subarray(at + 4, at + 4 + length));
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return options;
}
