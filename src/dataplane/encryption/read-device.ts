/** A WireGuard device as it is, whoever made it: the kernel is asked by netlink, wireguard-go by its socket. No program is started. */
import { createConnection, type Socket } from 'node:net';
import { withDeadline } from '../../concurrency/deadline.js';
import { isXnetError, XnetError } from '../../errors.js';
import type { ListedLink } from '../../native/netlink/links.js';
import { readWireGuard, type WireGuardDevice } from '../../native/netlink/wireguard.js';
import { namespacePath } from '../interface-names.js';
import { parseUapi } from './uapi.js';

/** It answers within milliseconds; one that hangs is to be seen soon. */
const ANSWER_MS = 5_000;
/** A thousand peers are half a megabyte. */
const MOST_BYTES = 16 << 20;
/** Its end, as that of each answer. */
const END = '\n\n';

/** `namespace`: of the host, undefined: this process's. Undefined: nothing answers for it. Throws TIMEOUT, KERNEL. */
export async function readDevice(
  namespace: string | undefined,
  link: Pick<ListedLink, 'ifname' | 'linkinfo'>,
): Promise<WireGuardDevice | undefined> {
  if (isOfKernel(link))
    return readWireGuard(namespace === undefined ? undefined : namespacePath(namespace), link.ifname);
  const text = await askProgram(`${socketDirectory(namespace)}/${link.ifname}.sock`, link.ifname);
  return text === undefined ? undefined : parseUapi(text);
}

/** Otherwise a program has made it. */
export function isOfKernel({ linkinfo }: Pick<ListedLink, 'linkinfo'>): boolean {
  return linkinfo?.info_kind === 'wireguard';
}

/** Of wireguard-go's sockets, by the names of their devices. Hosts that are namespaces of one machine have one each. */
export function socketDirectory(namespace: string | undefined): string {
  return namespace === undefined ? '/run/wireguard' : `/run/wireguard/${namespace}`;
}

async function askProgram(path: string, device: string): Promise<string | undefined> {
  const socket = createConnection(path);
  try {
    return await withDeadline(answerOn(socket), ANSWER_MS, 'the answer of wireguard-go');
  } catch (error: unknown) {
    if (isUnanswered(error)) return undefined;
    if (!isXnetError(error, 'TIMEOUT')) throw error;
    throw new XnetError(
      'TIMEOUT',
      `the wireguard-go of ${device} has not answered for ${ANSWER_MS / 1000} s; end it with "pkill -KILL -f 'wireguard-go ${device}'", and xnet starts it again`,
    );
  } finally {
    socket.destroy();
  }
}

function answerOn(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('latin1');
    socket.on('error', reject);
    socket.on('data', (part: string) => {
      text += part;
      if (text.endsWith(END)) resolve(text);
      else if (text.length > MOST_BYTES)
        reject(new XnetError('KERNEL', 'wireguard-go answers without an end'));
    });
    // It ended, maybe in the midst of an answer.
    socket.on('end', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
    socket.write(`get=1${END}`);
  });
}

/** No socket, that of a program that was killed, or one that ends just now. */
function isUnanswered(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return ['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(code);
}
