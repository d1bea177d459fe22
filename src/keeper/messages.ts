/**
 * The messages between daemon and keeper over Node's IPC channel, checked strictly on both sides. A keeper
 * outlives upgrades of the daemon: shapes once released stay valid, and a shape that it does not know is refused.
 */
import { XnetError } from '../errors.js';

/** Marks our messages; raised when a shape must change. */
export const PROTOCOL = 1;

/** A descriptor that the keeper holds: `fd` is its number in the keeper. */
export interface HeldEntry {
  readonly key: string;
  readonly fd: number;
  /** The supervisor's (systemd's): made before the keeper, and in the supervisor's hands after it. */
  readonly given: boolean;
}

export type KeeperRequest = { readonly id: number } & (
  | { readonly op: 'hold'; readonly key: string; readonly fd: number }
  | { readonly op: 'release'; readonly key: string }
  /** Take the calls that come to the socket held under `key`, and carry them to the one at the path `to`. */
  | { readonly op: 'relay'; readonly key: string; readonly to: string }
  /** Answered when the calls under way are. */
  | { readonly op: 'end-relay'; readonly key: string }
  | { readonly op: 'list' }
);

/** The keeper and how often it had to start a daemon again. */
export interface KeeperState {
  readonly pid: number;
  /** Ends of daemons that nobody had asked for. */
  readonly deaths: number;
  /** How the last of them ended. */
  readonly lastDeath?: string;
  /** The upgrade that was asked for last, of this daemon, and not made. */
  readonly refusedUpgrade?: { readonly reason: string; readonly at: string };
}

export type KeeperMessage =
  /** `held`: all of it in answer to `list`, the new entry in answer to `hold`, nothing to the others. */
  | { readonly id: number; readonly held: readonly HeldEntry[]; readonly keeper: KeeperState }
  | { readonly id: number; readonly failure: string }
  /** Not an answer: stop in order, so that the version on disk can take over. */
  | { readonly event: 'upgrade' }
  /** Not an answer: how the keeper fares by now. */
  | { readonly event: 'keeper'; readonly keeper: KeeperState };

type Values = Record<string, unknown>;

/** The request in `message`; throws INVALID. */
export function parseRequest(message: unknown): KeeperRequest {
  const { id, op, key, fd, to } = ours(message);
  if (isCount(id)) {
    if (op === 'hold' && isKey(key) && isCount(fd)) return { id, op, key, fd };
    if (op === 'release' && isKey(key)) return { id, op, key };
    if (op === 'relay' && isKey(key) && isPath(to)) return { id, op, key, to };
    if (op === 'end-relay' && isKey(key)) return { id, op, key };
    if (op === 'list') return { id, op };
  }
  throw invalid(message);
}

/** The answer or order in `message`; throws INVALID. */
export function parseKeeperMessage(message: unknown): KeeperMessage {
  const { id, event, failure, held, keeper } = ours(message);
  if (event === 'upgrade') return { event };
  if (event === 'keeper' && isState(keeper)) return { event, keeper };
  if (isCount(id)) {
    if (typeof failure === 'string') return { id, failure };
    if (Array.isArray(held) && held.every(isEntry) && isState(keeper)) return { id, held, keeper };
  }
  throw invalid(message);
}

/** The number under which to refuse a request that could not be read, if it bears one. */
export function findRequestId(message: unknown): number | undefined {
  const id = isObject(message) ? message.id : undefined;
  return isCount(id) ? id : undefined;
}

/** A key is 1 to 255 printable ASCII characters without blanks. */
export function isKey(value: unknown): value is string {
  return typeof value === 'string' && /^[!-~]{1,255}$/.test(value);
}

function ours(message: unknown): Values {
  if (!isObject(message) || message.xnet !== PROTOCOL) throw invalid(message);
  return message;
}

function invalid(message: unknown): XnetError {
  const shown = JSON.stringify(message)?.slice(0, 200);
  return new XnetError('INVALID', `keeper and daemon do not understand each other: ${shown}`);
}

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null;
}

function isPath(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith('/');
}

/** Descriptors and request numbers: 31 bits, as the kernel's. */
function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31;
}

function isEntry(value: unknown): value is HeldEntry {
  return isObject(value) && isKey(value.key) && isCount(value.fd) && typeof value.given === 'boolean';
}

function isState(value: unknown): value is KeeperState {
  if (!isObject(value) || !isCount(value.pid) || !isCount(value.deaths)) return false;
  const { lastDeath, refusedUpgrade: refused } = value;
  return (
    (lastDeath === undefined || typeof lastDeath === 'string') &&
    (refused === undefined ||
      (isObject(refused) && typeof refused.reason === 'string' && typeof refused.at === 'string'))
  );
}
