/**
 * The one door to `wg` and `wireguard-go`, which are started when something is to be changed. Private keys go in by stdin, never by a
 * command line, and are in no error.
 */
import { access, constants } from 'node:fs/promises';
import { XnetError } from '../../errors.js';
import { isPortTaken } from '../iproute2/iproute2.js';
import { enterCommand, runProgram } from '../iproute2/program.js';
import { socketDirectory } from './read-device.js';

/** No request of these takes a second; a wireguard-go that hangs is to be seen soon. */
const TIMEOUT_MS = 10_000;

/** Standard input is a socket otherwise, and /dev/stdin of such a one cannot be opened. */
const OF_A_PIPE = ['-c', 'cat | wg "$@"', 'wg'];

export class Wg {
  constructor(private readonly namespace: string | undefined) {}

  /** `words`: of `wg set`, which reads the private key from `input`. Throws UNSUPPORTED, IN_USE, KERNEL, TIMEOUT. */
  async set(device: string, words: readonly string[], input: string): Promise<void> {
    const { exitCode, stderr } = await this.#run('sh', [...OF_A_PIPE, 'set', device, ...words], input);
    if (exitCode === 0) return;
    if (isPortTaken({ line: '', words: stderr })) throw portTaken(device);
    throw failed(`wg set ${device}`, stderr);
  }

  /**
   * Starts wireguard-go, which goes into the background, and ends with its device; it carries packets while xnet is killed. Throws
   * UNSUPPORTED, KERNEL, TIMEOUT.
   */
  async startProgram(device: string): Promise<void> {
    const { exitCode, stdout, stderr } = await this.#run('wireguard-go', [device], '', { ownSession: true });
    if (exitCode === 0) return;
    const words = `${stdout}\n${stderr}`;
    if (/wireguard-go: not found/.test(words))
      throw new XnetError('UNSUPPORTED', 'the program "wireguard-go" is not on this host');
    throw failed(`wireguard-go ${device}`, words);
  }

  #run(program: string, args: readonly string[], input = '', options = {}) {
    const [first = program, ...rest] = [...enterHost(this.namespace), program, ...args];
    return runProgram(first, rest, input, TIMEOUT_MS, options);
  }
}

/**
 * wireguard-go is asked by a socket of the device's name in /run/wireguard, which hosts that are namespaces of one machine share: each
 * has a directory of its own there.
 */
function enterHost(namespace: string | undefined): string[] {
  if (namespace === undefined) return [];
  const script = 'mkdir -p "$0" && mount --bind "$0" /run/wireguard && exec "$@"';
  return [...enterCommand(namespace), 'sh', '-c', script, socketDirectory(namespace)];
}

/** Where services, and Docker's plugins, look for programs. */
const DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Never rejects. */
export async function isInstalled(program: string): Promise<boolean> {
  const found = DIRECTORIES.map((directory) => access(`${directory}/${program}`, constants.X_OK));
  return (await Promise.allSettled(found)).some(({ status }) => status === 'fulfilled');
}

export function portTaken(device: string): XnetError {
  return new XnetError(
    'IN_USE',
    `the UDP port of ${device} is taken by another program; find it with "ss -lunp", or give xnet another one (--encrypt-port)`,
  );
}

function failed(command: string, words: string): XnetError {
  const plain = words.trim().replace(/\s*\n\s*/g, '; ');
  return new XnetError('KERNEL', `"${command}" failed: ${plain || 'no reason given'}`, { command });
}
