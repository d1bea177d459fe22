/** A WireGuard device of the kernel as it is, over generic netlink (linux/wireguard.h, linux/genetlink.h). */
import { closeSync } from 'node:fs';
import { LINUX } from '../socket-libc.js';
import { askKernel, attribute, attributesOf, eachAttribute, openNetlink } from './netlink.js';
import { inTime, listWhole } from './route.js';
import { ipText } from './texts.js';

export interface WireGuardDevice {
  /** Keys are 32 bytes in base64; empty: it has none yet. */
  readonly privateKey: string;
  /** UDP. */
  readonly port: number;
  readonly peers: readonly WireGuardPeer[];
}

export interface WireGuardPeer {
  readonly publicKey: string;
  /** With port, an IPv6 address in brackets; undefined: none is known. */
  readonly endpoint: string | undefined;
  /** Prefixes. */
  readonly allowed: readonly string[];
  readonly handshake: Date | undefined;
  /** In bytes, since the device was made. */
  readonly received: number;
  readonly sent: number;
  /** In seconds; 0: off. */
  readonly keepalive: number;
}

const CONTROLLER = { FAMILY: 0x10, GET_FAMILY: 3, ID: 1, NAME: 2 } as const;
const GET_DEVICE = 0;
/** struct genlmsghdr: command, version. */
const HEADER = 4;
const VERSION = 1;
const DEVICE = { NAME: 2, PRIVATE_KEY: 3, PORT: 6, PEERS: 8 } as const;
const PEER = {
  ...{ PUBLIC_KEY: 1, ENDPOINT: 4, KEEPALIVE: 5, HANDSHAKE: 6 },
  ...{ RECEIVED: 7, SENT: 8, ALLOWED: 9 },
} as const;
const ALLOWED = { ADDRESS: 2, LENGTH: 3 } as const;

/** `path`: of the namespace of the device. Throws NOT_FOUND, UNSUPPORTED, TIMEOUT, and KERNEL where it is none of WireGuard. */
export function readWireGuard(path: string | undefined, device: string): Promise<WireGuardDevice> {
  const asked = `the WireGuard device ${device}`;
  return inTime(async () => {
    const fd = openNetlink(LINUX.NETLINK_GENERIC, path);
    try {
      const message = {
        type: familyOf(fd),
        header: headerOf(GET_DEVICE),
        attributes: [word(DEVICE.NAME, device)],
      };
      return joined(await listWhole(fd, message, asked, decodeDevice));
    } finally {
      closeSync(fd);
    }
  }, asked);
}

/** Generic netlink gives its families their numbers as they come. */
function familyOf(fd: number): number {
  const attributes = [word(CONTROLLER.NAME, 'wireguard')];
  const header = headerOf(CONTROLLER.GET_FAMILY);
  const [answer] = askKernel(
    fd,
    [{ type: CONTROLLER.FAMILY, header, attributes }],
    'the number of WireGuard',
  );
  let id = 0;
  if (answer)
    eachAttribute(answer.body.subarray(HEADER), (type, value) => {
      if (type === CONTROLLER.ID) id = value.readUInt16LE();
    });
  return id;
}

function headerOf(command: number): Buffer {
  return Buffer.from([command, VERSION, 0, 0]);
}

function word(type: number, text: string): Buffer {
  return attribute(type, Buffer.from(`${text}\0`));
}

/** A long list comes in several messages: the first one has what is the device's own. */
function joined(parts: readonly WireGuardDevice[]): WireGuardDevice {
  const peers = new Map<string, WireGuardPeer>();
  for (const peer of parts.flatMap((part) => part.peers)) {
    const before = peers.get(peer.publicKey);
    // What of a peer did not fit is in the next message, with its key alone.
    peers.set(peer.publicKey, before ? { ...before, allowed: [...before.allowed, ...peer.allowed] } : peer);
  }
  const [first] = parts;
  return { privateKey: first?.privateKey ?? '', port: first?.port ?? 0, peers: [...peers.values()] };
}

function decodeDevice(body: Buffer): WireGuardDevice {
  const device = { privateKey: '', port: 0, peers: [] as WireGuardPeer[] };
  eachAttribute(body.subarray(HEADER), (type, value) => {
    if (type === DEVICE.PRIVATE_KEY) device.privateKey = value.toString('base64');
    else if (type === DEVICE.PORT) device.port = value.readUInt16LE();
    else if (type === DEVICE.PEERS)
      device.peers.push(...[...attributesOf(value)].map((each) => decodePeer(each.value)));
  });
  return device;
}

function decodePeer(bytes: Buffer): WireGuardPeer {
  const peer: { -readonly [Key in keyof WireGuardPeer]: WireGuardPeer[Key] } = {
    ...{ publicKey: '', endpoint: undefined, allowed: [], handshake: undefined },
    ...{ received: 0, sent: 0, keepalive: 0 },
  };
  eachAttribute(bytes, (type, value) => {
    if (type === PEER.PUBLIC_KEY) peer.publicKey = value.toString('base64');
    else if (type === PEER.ENDPOINT) peer.endpoint = endpointIn(value);
    else if (type === PEER.KEEPALIVE) peer.keepalive = value.readUInt16LE();
    else if (type === PEER.HANDSHAKE) peer.handshake = timeIn(value);
    else if (type === PEER.RECEIVED) peer.received = Number(value.readBigUInt64LE());
    else if (type === PEER.SENT) peer.sent = Number(value.readBigUInt64LE());
    else if (type === PEER.ALLOWED)
      peer.allowed = [...attributesOf(value)].map((each) => prefixIn(each.value));
  });
  return peer;
}

/** struct sockaddr_in, sockaddr_in6. */
function endpointIn(value: Buffer): string | undefined {
  const port = value.readUInt16BE(2);
  const isIpv4 = value.readUInt16LE(0) === LINUX.AF_INET;
  return isIpv4 ? `${ipText(value.subarray(4, 8))}:${port}` : `[${ipText(value.subarray(8, 24))}]:${port}`;
}

/** struct __kernel_timespec; zero: never. */
function timeIn(value: Buffer): Date | undefined {
  const seconds = Number(value.readBigInt64LE());
  return seconds > 0 ? new Date(seconds * 1000) : undefined;
}

function prefixIn(bytes: Buffer): string {
  let [address, length] = ['', 0];
  eachAttribute(bytes, (type, value) => {
    if (type === ALLOWED.ADDRESS) address = ipText(value);
    else if (type === ALLOWED.LENGTH) length = value.readUInt8();
  });
  return `${address}/${length}`;
}
