/**
 * Which machine the records of a host id belong to. The id lies in a file, which is copied with a disk (a golden image,
 * a restored virtual machine), and the host name with it. So the second machine of an id is refused while the first is
 * alive. And nothing of the records is removed because this machine's Docker does not have it, before the records are
 * known to be this machine's.
 */
import { XnetError } from '../../errors.js';
import type { BindingRecord } from '../../model/binding.js';
import type { HostRecord } from '../../model/host.js';

/** What the store has of a host id when a machine registers with it. */
export interface Registered {
  /** Absent: the id is new. */
  readonly record?: HostRecord | undefined;
  /** A machine that registered with it has given a sign of life within a lease's length. */
  readonly isAlive: boolean;
}

/**
 * Longer than a lease outlives its machine (twice its time, when etcd elects a leader, which renews all leases). If the
 * id is alive after that, another machine has it.
 */
const OTHER_MS = 30_000;

const REMEDY =
  'If this machine is the copy: stop xnet here, empty its state directory (/var/lib/xnet), and start xnet; it becomes a host of its own.';

/**
 * Whether another machine is alive with this id. Only one machine has an underlay address: by it a reboot that is
 * faster than the lease's end is distinguished from a copy.
 */
export function isOtherAlive({ record, isAlive }: Registered, host: HostRecord): boolean {
  return isAlive && record !== undefined && !isSameRun(record, host) && record.vtep !== host.vtep;
}

export function otherAliveError({ id, name, vtep }: HostRecord): XnetError {
  const held = `host id ${id} is in use by another machine, ${name} (${vtep}), which is alive: the state directory of one of the two is a copy`;
  const other = `If ${name} is: do that there, and restart xnet here.`;
  return new XnetError('IN_USE', `${held}. ${REMEDY} ${other}`, { hostId: id });
}

/** Kept over the tries of one start: once a copy, always a copy, also when the other machine goes for a while. */
export class IdentityClash {
  #since: number | undefined;
  #other: HostRecord | undefined;

  note(other: HostRecord, nowMs = performance.now()): void {
    this.#since ??= nowMs;
    if (nowMs - this.#since >= OTHER_MS) this.#other = other;
  }

  /** The machine that is known to be another one. */
  get other(): HostRecord | undefined {
    return this.#other;
  }
}

/** Whether the records are this machine's, as far as known since it registered. */
export class RecordsOwner {
  #doubt: HostRecord | undefined;
  #isCopy = false;

  noteRegistered({ record, isAlive }: Registered, host: HostRecord): void {
    const isOwn = !record || isSameRun(record, host) || (record.vtep === host.vtep && !isAlive);
    if (!this.#isCopy) this.#doubt = isOwn ? undefined : record;
  }

  /**
   * Compares the identity of this Docker's network database with the one in this host's records and bindings, where the
   * Docker that made them left it. Returns whether the records are this machine's.
   */
  recognize(database: string, bindings: readonly BindingRecord[]): boolean {
    if (!this.#doubt || this.#isCopy) return !this.#isCopy;
    if (database === '') return false;
    const { dockerDatabase } = this.#doubt;
    const seen = bindings.flatMap((binding) => binding.seen?.database ?? []);
    const known = dockerDatabase === undefined ? seen : [dockerDatabase];
    if (known.length > 0 && !known.includes(database)) this.#isCopy = true;
    else this.#doubt = undefined;
    return !this.#isCopy;
  }

  /** False until it is certain. */
  get isThisMachine(): boolean {
    return this.#doubt === undefined;
  }

  /** Why nothing can be done in the name of this host; undefined: it can, as far as is known. */
  get refusal(): XnetError | undefined {
    if (!this.#doubt || !this.#isCopy) return undefined;
    const { id, name, vtep } = this.#doubt;
    const made = `the records of host id ${id} were made on another machine, ${name} (${vtep}), and by another Docker than this one`;
    const gone = `\`xnet host rm ${id}\` on any host then removes what the other had, if that is gone for good.`;
    return new XnetError('IN_USE', `${made}: nothing of them is touched. ${REMEDY} ${gone}`, { hostId: id });
  }
}

/** Written by another machine, or by another run of this one. */
export function isOthers(record: HostRecord, { machine }: HostRecord): boolean {
  return record.machine !== machine;
}

function isSameRun(record: HostRecord, { machine }: HostRecord): boolean {
  return record.machine !== undefined && record.machine === machine;
}
