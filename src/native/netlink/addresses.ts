/** The addresses of the interfaces in a network namespace. */
import { eachAttribute } from './netlink.js';
import { listKernel } from './route.js';
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
const ADDRESS = { PEER_OR_OWN: 1, OWN: 2 } as const;

/** IPv4 and IPv6. Throws what `listKernel` does. `path`: of the namespace; undefined: this process's own. */
export async function listAddresses(path: string | undefined): Promise<ListedAddress[]> {
  const message = { type: GET_ADDRESS, header: Buffer.alloc(HEADER) };
  return listKernel(path, message, 'the list of addresses', decode);
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
