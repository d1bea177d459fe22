/** The forwarding entries (FDB) and neighbours of a network namespace. */
import { eachAttribute } from './netlink.js';
import { listKernel } from './route.js';
import { ipText, macText } from './texts.js';

/** One entry of either kind. Interfaces are given by their numbers (`index` of ListedLink). */
export interface ListedNeighbour {
  readonly interface: number;
  /** An FDB entry is of the bridge with this number; undefined: of the interface itself. */
  readonly master?: number;
  /** Of a neighbour its address; of an FDB entry of a VXLAN device the VTEP. */
  readonly address?: string;
  readonly mac?: string;
  /** As `bridge fdb` calls it: static, permanent; anything else is learned, or not looked for here. */
  readonly state: 'static' | 'permanent' | 'other';
}

/** linux/rtnetlink.h and neighbour.h */
const GET_NEIGHBOUR = 30;
const AF_BRIDGE = 7;
/** struct ndmsg. */
const HEADER = 12;
const ENTRY = { ADDRESS: 1, MAC: 2, MASTER: 9 } as const;
const NOARP = 0x40;
const PERMANENT = 0x80;

/** FDB entries of all bridges and VXLAN devices. Throws what `listKernel` does. */
export function listFdb(path: string | undefined): Promise<ListedNeighbour[]> {
  return list(path, AF_BRIDGE, 'the list of FDB entries');
}

/** Neighbours of both families. Throws what `listKernel` does. */
export function listNeighbours(path: string | undefined): Promise<ListedNeighbour[]> {
  return list(path, 0, 'the list of neighbours');
}

function list(path: string | undefined, family: number, asked: string): Promise<ListedNeighbour[]> {
  const header = Buffer.alloc(HEADER);
  header.writeUInt8(family, 0);
  return listKernel(path, { type: GET_NEIGHBOUR, header }, asked, decode);
}

function decode(body: Buffer): ListedNeighbour {
  const state = body.readUInt16LE(8);
  const entry: { -readonly [Key in keyof ListedNeighbour]: ListedNeighbour[Key] } = {
    interface: body.readInt32LE(4),
    state: (state & PERMANENT) !== 0 ? 'permanent' : (state & NOARP) !== 0 ? 'static' : 'other',
  };
  eachAttribute(body.subarray(HEADER), (type, value) => {
    if (type === ENTRY.ADDRESS) entry.address = ipText(value);
    else if (type === ENTRY.MAC) entry.mac = macText(value);
    else if (type === ENTRY.MASTER) entry.master = value.readInt32LE();
  });
  return entry;
}
