/** The addresses of the interfaces in a network namespace. */
import { attribute, eachAttribute, type Message } from './netlink.js';
import { listEach, listKernel } from './route.js';
import { ipText } from './texts.js';

export interface ListedAddress {
  /** `index` of ListedLink. */
  readonly interface: number;
  readonly address: string;
  readonly prefixLength: number;
}

/** linux/rtnetlink.h and if_addr.h */
const GET_ADDRESS = 22;
/** struct ifaddrmsg: family, length of the prefix, flags, scope, index. */
const HEADER = 8;
/** Of an interface with a peer, IFA_ADDRESS is the peer's. */
const ADDRESS = { PEER_OR_OWN: 1, OWN: 2, OF_NAMESPACE: 10 } as const;
const ASKED = 'the list of addresses';

/** IPv4 and IPv6. Throws what `listKernel` does. `path`: of the namespace; undefined: this process's own. */
export async function listAddresses(path: string | undefined): Promise<ListedAddress[]> {
  return listKernel(path, { type: GET_ADDRESS, header: Buffer.alloc(HEADER) }, ASKED, decode);
}

/** An interface in the namespace that has this number in the one that is asked. */
export interface NumberedInterface {
  readonly namespace: number;
  readonly index: number;
}

/** Of each of the interfaces, in this order; none of one that is gone. Throws as `listAddresses`. */
export async function listAddressesOf(
  path: string | undefined,
  interfaces: readonly NumberedInterface[],
): Promise<ListedAddress[][]> {
  // Otherwise the kernel passes over the number, and lists its own namespace (inet_dump_addr).
  return listEach(path, interfaces.map(requestOf), ASKED, decode, { isStrict: true });
}

function requestOf({ namespace, index }: NumberedInterface): Message {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(index, 4);
  const number = Buffer.alloc(4);
  number.writeInt32LE(namespace);
  return { type: GET_ADDRESS, header, attributes: [attribute(ADDRESS.OF_NAMESPACE, number)] };
}

function decode(body: Buffer): ListedAddress {
  const found: { own?: string; other?: string } = {};
  eachAttribute(body.subarray(HEADER), (type, value) => {
    if (type === ADDRESS.OWN) found.own = ipText(value);
    else if (type === ADDRESS.PEER_OR_OWN) found.other = ipText(value);
  });
  return {
    interface: body.readUInt32LE(4),
    address: found.own ?? found.other ?? '',
    prefixLength: body.readUInt8(1),
  };
}
