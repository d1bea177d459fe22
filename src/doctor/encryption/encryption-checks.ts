/** Whether this host encrypts, whether the others agree on keys with it, and how its own key is changed. Pure. */
import { allWell, failure, type Judgement, ok, warning, wordOfLine } from '../finding.js';

export interface EncryptionPeerState {
  readonly name: string;
  /** Of the underlay. */
  readonly vtep: string;
  /** UDP, of its key in use. */
  readonly port: number;
  readonly handshake?: Date | undefined;
  /** Packets are sent to it, and none has been read for as long as keys last. */
  readonly isUnanswered: boolean;
  /** Its host does not answer on the underlay either. */
  readonly isPathLost: boolean;
}

export interface EncryptionState {
  /** Of this host. */
  readonly vtep: string;
  /** Names of its encrypted networks. */
  readonly networks: readonly string[];
  /** Why it does not encrypt. */
  readonly problem?: string | undefined;
  /** Programs that are not on this host, and are needed when a key or a host changes, or after a boot. */
  readonly missing: readonly string[];
  /** Hosts that are alive. */
  readonly peers: readonly EncryptionPeerState[];
  /** When its keys were made, that in use first. */
  readonly keysMadeAt: readonly Date[];
}

const DAY_MS = 86_400_000;
/** The change is due after 30 days. */
const OLD_MS = 31 * DAY_MS;
/** A change of keys takes 20 s. */
const CHANGED_MS = 5 * 60_000;
/** Clocks differ. */
const AHEAD_MS = 60_000;

export function judgeEncryption(state: EncryptionState, now: Date): readonly Judgement[] {
  const { networks, problem, missing, peers } = state;
  if (networks.length === 0) return [ok('this host has no encrypted network')];
  const faults = [
    ...(problem === undefined
      ? []
      : [failure(`this host does not encrypt: ${problem}`, 'mend that; xnet tries again every 2 s')]),
    ...judgeMissing(missing),
    ...peers.flatMap((peer) => judgePeer(state, peer, now)),
    ...judgeKeys(state, now),
  ];
  return allWell(faults, wellText(state, now));
}

function judgeMissing(missing: readonly string[]): Judgement[] {
  if (missing.length === 0) return [];
  const packages = missing.map((program) => (program === 'wg' ? 'wireguard-tools' : program));
  return [
    warning(
      `${missing.join(' and ')} not on this host: encrypted networks stand still as soon as a host or a key changes, or this host boots`,
      `apt-get install -y ${packages.join(' ')}`,
    ),
  ];
}

function judgePeer(
  { vtep: own }: EncryptionState,
  { name, vtep, port, handshake, isUnanswered, isPathLost }: EncryptionPeerState,
  now: Date,
): Judgement[] {
  if (!isUnanswered) return [];
  const last = handshake ? `none for ${ageText(handshake, now)}` : 'none yet';
  const found = `encrypted networks do not reach host ${name} (${vtep}): packets are sent, and of handshakes there was ${last}`;
  if (isPathLost)
    return [
      failure(
        `${found}; nor do packets that are not encrypted`,
        'mend the way to it first: see `paths` and `routes`',
      ),
    ];
  const remedy = `let UDP port ${port} pass between ${own} and ${vtep}, both ways; if it passes, the clock of ${name} was set back and WireGuard refuses its handshakes as replays: on ${wordOfLine(name)}, timedatectl set-ntp true`;
  return [failure(found, remedy)];
}

function judgeKeys({ keysMadeAt }: EncryptionState, now: Date): Judgement[] {
  const [inUse, other] = keysMadeAt.map((at) => now.getTime() - at.getTime());
  if (inUse === undefined) return [];
  const ahead = keysMadeAt.find((at) => now.getTime() - at.getTime() < -AHEAD_MS);
  if (ahead)
    return [
      warning(
        `the key of this host is from ${ahead.toISOString()}, which is to come: its clock was set back, and keys are not changed until then`,
        'timedatectl set-ntp true; xnet host rotate-key',
      ),
    ];
  if (other !== undefined && Math.min(inUse, other) > CHANGED_MS)
    return [
      warning(
        `the key of this host has been changing for ${ageText(new Date(now.getTime() - Math.min(inUse, other)), now)}, and it takes 20 s`,
        'see whether etcd answers (`etcd`): the other hosts get to know of the next key by it',
      ),
    ];
  if (other === undefined && inUse > OLD_MS)
    return [
      warning(
        `the key of this host is ${Math.floor(inUse / DAY_MS)} days old, and is to be changed after 30`,
        'xnet host rotate-key',
      ),
    ];
  return [];
}

function wellText({ networks, peers }: EncryptionState, now: Date): string {
  const count =
    networks.length === 1 ? '1 network is encrypted' : `${networks.length} networks are encrypted`;
  const handshakes = peers.flatMap(({ handshake }) => (handshake ? [handshake.getTime()] : []));
  if (handshakes.length === 0) return `${count}; no packet was sent to another host yet`;
  const newest = new Date(Math.max(...handshakes));
  return `${count}; keys were agreed on with ${handshakes.length} of ${peers.length} other hosts, last ${ageText(newest, now)} ago`;
}

function ageText(since: Date, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - since.getTime()) / 1000));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
