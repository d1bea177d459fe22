/** The one door to `wg` and `wireguard-go`. Private keys go in by stdin, never by a command line, and are in no error. */
import { XnetError } from '../../errors.js';
import { enterCommand, runProgram } from '../iproute2/program.js';

/** A device as `wg show DEVICE dump` prints it. */
export interface ObservedDevice {
  readonly privateKey: string;
  readonly port: number;
  readonly peers: readonly ObservedPeer[];
}

export interface ObservedPeer {
  readonly publicKey: string;
  /** With port; undefined: none is known. */
  readonly endpoint: string | undefined;
  /** Prefixes, in the order of the program. */
  readonly allowed: readonly string[];
  readonly handshake: Date | undefined;
  readonly received: number;
  readonly sent: number;
  /** In seconds; 0: off. */
  readonly keepalive: number;
}

/** No request of these takes a second; a wireguard-go that hangs is to be seen soon. */
const TIMEOUT_MS = 10_000;

/** Standard input is a socket otherwise, and /dev/stdin of such a one cannot be opened. */
const OF_A_PIPE = ['-c', 'cat | wg "$@"', 'wg'];

export class Wg {
  constructor(private readonly namespace: string | undefined) {}

  /** Undefined: there is no such device, or nothing answers for it. Throws UNSUPPORTED, KERNEL, TIMEOUT. */
  async show(device: string): Promise<ObservedDevice | undefined> {
    const { exitCode, stdout, stderr } = await this.#run('wg', ['show', device, 'dump']);
    if (exitCode === 0) return parseDump(stdout);
    if (/No such device|Unable to access interface/.test(stderr)) return undefined;
    throw failed(`wg show ${device}`, stderr);
  }

  /** `words`: of `wg set`, which reads the private key from `input`. Throws UNSUPPORTED, IN_USE, KERNEL, TIMEOUT. */
  async set(device: string, words: readonly string[], input: string): Promise<void> {
    const { exitCode, stderr } = await this.#run('sh', [...OF_A_PIPE, 'set', device, ...words], input);
    if (exitCode === 0) return;
    if (/Address already in use/.test(stderr))
      throw new XnetError(
        'IN_USE',
        `the UDP port of ${device} is taken by another program; find it with "ss -lunp", or give xnet another one (--encrypt-port)`,
      );
    throw failed(`wg set ${device}`, stderr);
  }

  /** Starts wireguard-go, which goes into the background, and ends with its device. Throws UNSUPPORTED, KERNEL, TIMEOUT. */
  async startProgram(device: string): Promise<void> {
    const { exitCode, stdout, stderr } = await this.#run('wireguard-go', [device]);
    if (exitCode === 0) return;
    const words = `${stdout}\n${stderr}`;
    if (/wireguard-go: not found/.test(words))
      throw new XnetError('UNSUPPORTED', 'the program "wireguard-go" is not on this host');
    throw failed(`wireguard-go ${device}`, words);
  }

  #run(program: string, args: readonly string[], input = '') {
    const [first = program, ...rest] = [...enterHost(this.namespace), program, ...args];
    return runProgram(first, rest, input, TIMEOUT_MS);
  }
}

/**
 * wireguard-go is asked by a socket of the device's name in /run/wireguard, which hosts that are namespaces of one machine share: each
 * has a directory of its own there.
 */
function enterHost(namespace: string | undefined): string[] {
  if (namespace === undefined) return [];
  const script = 'mkdir -p "$0" && mount --bind "$0" /run/wireguard && exec "$@"';
  return [...enterCommand(namespace), 'sh', '-c', script, `/run/wireguard/${namespace}`];
}

/** Of `wg show DEVICE dump`: a line for the device, and one for each peer, with tabs. Pure. */
export function parseDump(text: string): ObservedDevice {
  const [own = [], ...peers] = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
  return { privateKey: own[0] ?? '', port: Number(own[2]), peers: peers.map(peerOf) };
}

function peerOf(words: readonly string[]): ObservedPeer {
  const [publicKey = '', , endpoint, allowed = '', handshake, received, sent, keepalive] = words;
  const seconds = Number(handshake);
  return {
    publicKey,
    endpoint: endpoint === '(none)' ? undefined : endpoint,
    allowed: allowed === '(none)' ? [] : allowed.split(','),
    handshake: seconds > 0 ? new Date(seconds * 1000) : undefined,
    received: Number(received),
    sent: Number(sent),
    keepalive: keepalive === 'off' ? 0 : Number(keepalive),
  };
}

function failed(command: string, words: string): XnetError {
  const plain = words.trim().replace(/\s*\n\s*/g, '; ');
  return new XnetError('KERNEL', `"${command}" failed: ${plain || 'no reason given'}`, { command });
}
