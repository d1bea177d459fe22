/**
 * Single questions to the kernel's routes and neighbours (rtnetlink(7)): the way to an address, and the MAC behind it. Each is answered within
 * a fraction of a millisecond, and starts no program.
 */
import { closeSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { isXnetError } from '../../errors.js';
import { LINUX } from '../socket-libc.js';
import { askKernel, attribute, eachAttribute, NLM_F, openNetlink } from './netlink.js';
import { ipBytes, ipText, macText } from './texts.js';

/** Of packets that this host sends itself. */
export interface Route {
  /** Number of the interface (`index` of ListedLink). */
  readonly interface: number;
  /** The router that they go to; absent: they go straight to their destination. */
  readonly via?: string;
}

/** linux/rtnetlink.h and neighbour.h */
const GET_ROUTE = 26;
const NEW_NEIGHBOUR = 28;
const GET_NEIGHBOUR = 30;
const ROUTE = { DESTINATION: 1, INTERFACE: 4, GATEWAY: 5, VIA: 18 } as const;
const NEIGHBOUR = { ADDRESS: 1, MAC: 2 } as const;
/** struct rtmsg, struct ndmsg. */
const HEADER = 12;
/** "A packet is to be sent there": the kernel asks by ARP or ND, if it has to. */
const NTF_USE = 1;
/** RTA_VIA is of another family than the route: its family, and the address. */
const VIA_FAMILY_BYTES = 2;
const AF_INET6 = 10;

/** Questions in one network namespace; `path` undefined: this process's own. */
export class ReachQuestions implements Disposable {
  readonly #fd: number;

  /** Keeps the namespace alive until it is disposed of. Throws what `openNetlink` does. */
  constructor(path: string | undefined) {
    this.#fd = openNetlink(LINUX.NETLINK_ROUTE, path);
  }

  /** Undefined: there is none. */
  routeTo(address: string): Route | undefined {
    const header = Buffer.alloc(HEADER);
    header.writeUInt8(familyOf(address), 0);
    const bytes = ipBytes(address);
    header.writeUInt8(bytes.length * 8, 1);
    const attributes = [attribute(ROUTE.DESTINATION, bytes)];
    const body = this.#ask({ type: GET_ROUTE, header, attributes }, `the route to ${address}`);
    return body && decodeRoute(body);
  }

  /** As ARP or ND has found it; undefined: it is not known, or not any more. */
  macOf(interfaceIndex: number, address: string): string | undefined {
    const header = neighbourHeader(interfaceIndex, address, 0);
    const attributes = [attribute(NEIGHBOUR.ADDRESS, ipBytes(address))];
    const body = this.#ask({ type: GET_NEIGHBOUR, header, attributes }, `the neighbour ${address}`);
    let mac: string | undefined;
    if (body)
      eachAttribute(body.subarray(HEADER), (type, value) => {
        if (type === NEIGHBOUR.MAC && value.length === 6) mac = macText(value);
      });
    return mac;
  }

  /** Makes the kernel ask for its MAC by ARP or ND, where that is not known for certain. */
  resolve(interfaceIndex: number, address: string): void {
    const header = neighbourHeader(interfaceIndex, address, NTF_USE);
    const attributes = [attribute(NEIGHBOUR.ADDRESS, ipBytes(address))];
    const flags = NLM_F.CREATE | NLM_F.ACK;
    this.#ask({ type: NEW_NEIGHBOUR, flags, header, attributes }, `looking for the neighbour ${address}`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /** The kernel's refusal (no route, no such neighbour, no such interface) is an answer, too. */
  #ask(message: Parameters<typeof askKernel>[1][number], asked: string): Buffer | undefined {
    try {
      return askKernel(this.#fd, [message], asked)[0]?.body;
    } catch (error: unknown) {
      if (isXnetError(error, 'KERNEL')) return undefined;
      throw error;
    }
  }
}

function decodeRoute(body: Buffer): Route | undefined {
  const found: { interface?: number; via?: string } = {};
  eachAttribute(body.subarray(HEADER), (type, value) => {
    if (type === ROUTE.INTERFACE) found.interface = value.readInt32LE();
    else if (type === ROUTE.GATEWAY) found.via = ipText(value);
    else if (type === ROUTE.VIA) found.via = ipText(value.subarray(VIA_FAMILY_BYTES));
  });
  const { interface: index, via } = found;
  return index === undefined ? undefined : { interface: index, ...(via !== undefined && { via }) };
}

function neighbourHeader(interfaceIndex: number, address: string, flags: number): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt8(familyOf(address), 0);
  header.writeInt32LE(interfaceIndex, 4);
  header.writeUInt8(flags, 10);
  return header;
}

function familyOf(address: string): number {
  return isIPv6(address) ? AF_INET6 : LINUX.AF_INET;
}
