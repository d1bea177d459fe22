/** IPv6 routes of a network namespace, of its table `main` (rtnetlink(7)). */
import { attribute, eachAttribute, type Message } from './netlink.js';
import { listEach } from './route.js';
import { ipText } from './texts.js';

export interface ListedRoute {
  /** A prefix. */
  readonly to: string;
  /** Of packets with this source alone; a prefix. */
  readonly from?: string;
  /** `index` of ListedLink. */
  readonly interface?: number;
  /** Packets are dropped, and their sender gets word of it. */
  readonly isUnreachable: boolean;
}

/** linux/rtnetlink.h */
const GET_ROUTE = 26;
const ROUTE = { TO: 1, FROM: 2, INTERFACE: 4 } as const;
const UNREACHABLE = 7;
const MAIN = 254;
/** struct rtmsg: family, lengths of both prefixes, tos, table, protocol, scope, type, flags. */
const HEADER = 12;
const AT = { TO_LENGTH: 1, FROM_LENGTH: 2, TABLE: 4, TYPE: 7 } as const;
const AF_INET6 = 10;

/**
 * Those by the interfaces of these indexes, and those that are unreachable: a host may have thousands of others. Throws what
 * `listKernel` does. `path`: of the namespace; undefined: this process's own.
 */
export async function listIpv6Routes(
  path: string | undefined,
  indexes: readonly number[],
): Promise<ListedRoute[]> {
  const requests = [...indexes.map(byInterface), request(UNREACHABLE)];
  const lists = await listEach(path, requests, 'the list of IPv6 routes', decode, { isStrict: true });
  return lists.flat().filter((route) => route !== undefined);
}

function byInterface(index: number): Message {
  const value = Buffer.alloc(4);
  value.writeInt32LE(index);
  return { ...request(0), attributes: [attribute(ROUTE.INTERFACE, value)] };
}

/** `type`: 0: of any. */
function request(type: number): Message {
  const header = Buffer.alloc(HEADER);
  header.writeUInt8(AF_INET6, 0);
  header.writeUInt8(MAIN, AT.TABLE);
  header.writeUInt8(type, AT.TYPE);
  return { type: GET_ROUTE, header };
}

/** Undefined: of another table. */
function decode(body: Buffer): ListedRoute | undefined {
  if (body.readUInt8(AT.TABLE) !== MAIN) return undefined;
  const [toLength, fromLength] = [body.readUInt8(AT.TO_LENGTH), body.readUInt8(AT.FROM_LENGTH)];
  const route: { -readonly [Key in keyof ListedRoute]: ListedRoute[Key] } = {
    to: `::/${toLength}`,
    isUnreachable: body.readUInt8(AT.TYPE) === UNREACHABLE,
  };
  eachAttribute(body.subarray(HEADER), (type, value) => {
    if (type === ROUTE.TO) route.to = `${ipText(value)}/${toLength}`;
    else if (type === ROUTE.FROM) route.from = `${ipText(value)}/${fromLength}`;
    else if (type === ROUTE.INTERFACE) route.interface = value.readInt32LE();
  });
  return route;
}
