/** A look-up in a container's namespace, as a program in it makes one: for `xnet trace`. */
import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { withDeadline } from '../../concurrency/deadline.js';
import { errorMessage, XnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { openClientUdp, RESOLVER_ADDRESS, RESOLVER_PORT } from '../../native/socket-sandbox.js';
import { CLASS_IN, FLAG, HEADER_BYTES, nameBytes, RECORD_FIXED, TYPE } from '../answers/wire.js';

/** A program would wait for 5 s, and ask again. */
const PATIENCE_MS = 3_000;
const RCODES: Readonly<Record<number, string>> = { 2: 'server failure', 3: 'no such name', 5: 'refused' };

export interface LookedUp {
  readonly addresses: readonly string[];
  /** There was no answer, or one without addresses that gives a reason. */
  readonly failure?: string;
}

/** Throws NOT_FOUND when no namespace is at the path, INVALID for what is no name, UNSUPPORTED and KERNEL. */
export async function askResolver(sandboxPath: string, name: string, type: 'A' | 'AAAA'): Promise<LookedUp> {
  const query = queryOf(name, type);
  const socket = openSocket(sandboxPath);
  try {
    await new Promise<void>((resolve) => socket.connect(RESOLVER_PORT, RESOLVER_ADDRESS, resolve));
    const answered = once(socket, 'message') as Promise<[Buffer]>;
    socket.send(query);
    const [answer] = await withDeadline(answered, PATIENCE_MS, 'the look-up');
    return readAnswer(answer, query.length, type);
  } catch (error: unknown) {
    return { addresses: [], failure: errorMessage(error) };
  } finally {
    socket.close();
  }
}

function openSocket(sandboxPath: string): Socket {
  const fd = openClientUdp(sandboxPath);
  const socket = createSocket('udp4');
  try {
    return socket.bind({ fd, exclusive: true });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function queryOf(name: string, type: 'A' | 'AAAA'): Buffer {
  const bytes = nameBytes(name);
  if (!bytes) throw new XnetError('INVALID', `"${name}" is no name that can be looked up`);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(randomInt(0x10000), 0);
  header.writeUInt16BE(FLAG.RD, 2);
  header.writeUInt16BE(1, 4);
  const end = Buffer.alloc(4);
  end.writeUInt16BE(TYPE[type], 0);
  end.writeUInt16BE(CLASS_IN, 2);
  return Buffer.concat([header, bytes, end]);
}

/** `at`: where the question ends. What is not as it must be ends the list. */
function readAnswer(message: Buffer, at: number, type: 'A' | 'AAAA'): LookedUp {
  const code = message.readUInt16BE(2) & FLAG.RCODE;
  const addresses: string[] = [];
  for (let offset = at; offset < message.length; ) {
    while ((message[offset] ?? 0) !== 0 && (message[offset] ?? 0) < 0xc0)
      offset += 1 + (message[offset] ?? 0);
    offset += (message[offset] ?? 0) >= 0xc0 ? 2 : 1;
    if (offset + RECORD_FIXED > message.length) break;
    const length = message.readUInt16BE(offset + 8);
    const value = message.subarray(offset + RECORD_FIXED, offset + RECORD_FIXED + length);
    if (message.readUInt16BE(offset) === TYPE[type]) addresses.push(addressOf(value));
    offset += RECORD_FIXED + length;
  }
  return { addresses, ...(code !== 0 && { failure: RCODES[code] ?? `code ${code}` }) };
}

function addressOf(bytes: Buffer): string {
  return `${IpAddress.of(bytes.length === 4 ? 4 : 6, BigInt(`0x${bytes.toString('hex') || '0'}`))}`;
}
