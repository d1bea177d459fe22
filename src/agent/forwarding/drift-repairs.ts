import { sleep } from '../../concurrency/deadline.js';
import { Sweep } from '../../concurrency/sweep.js';
import type { Dataplane, KernelHint, KernelReports, LocalEndpoint } from '../../dataplane/dataplane.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { errorMessage } from '../../errors.js';
import { modeOf } from '../../model/network.js';
import type { Logger } from '../../observability/logger.js';
import type { RepairLog } from '../../observability/repair-log.js';
import { Absences } from '../local/absences.js';
import { localEndpoints } from '../local/local-endpoints.js';
import { DueNetworks } from './due-networks.js';
import { ForgedPackets, type Forger } from './forged-packets.js';

export interface DriftRepairsParts {
  readonly dataplane: Dataplane;
  readonly local: LocalNetworks;
  /** File of the namespace that the endpoint's container has, while it is known. */
  readonly sandboxPathOf: (endpointId: string) => string | undefined;
  /** Checks the resolvers' rules in containers one after the other, and calls `repaired` for each that it had to repair. */
  readonly repairRules: (repaired: (sandboxPath: string) => void, signal: AbortSignal) => Promise<void>;
  /** Somebody may have altered the tunnel filter. */
  readonly suspectFilter: () => void;
  /** Somebody may have altered what keeps containers from the outside. */
  readonly suspectEgress: () => void;
  /** The underlay may not be what it was. */
  readonly suspectUnderlay: () => void;
  /** Somebody may have altered a device by which packets are encrypted. */
  readonly suspectEncryption: () => void;
  /** A container has got this address, from Docker or from somebody else. */
  readonly noteAddress: (address: string) => void;
  readonly repairs: Pick<RepairLog, 'note'>;
  readonly logger: Logger;
}

/** What is altered by hand is found within 30 s: this, and the time that a look takes. */
const SWEEP_MS = 22_000;

/**
 * A daemon that has just started has other things to do, has seen to its networks already (adoption.ts), and does not
 * know yet in which containers its endpoints are.
 */
const FIRST_MS = 5_000;

/** Events come in swarms: one look, this long after the first of them. */
const SWARM_MS = 200;

/** After the first look that failed. */
const AGAIN_MS = 1_000;

/** So that looks at many networks are spread. */
const BETWEEN_MS = 20;

/** How long a port must have belonged to no endpoint, existing or being created. */
const ORPHAN_MS = 20_000;

/**
 * Finds and repairs what others altered in the kernel: soon after the kernel reported a change that was not ours, and with a
 * sweep over the networks with endpoints here in which anything has happened. No call of Docker's waits for it.
 */
export class DriftRepairs implements AsyncDisposable {
  readonly #parts: DriftRepairsParts;
  readonly #stop = new AbortController();
  readonly #sweeps: readonly Sweep[];
  readonly #due = new DueNetworks();
  readonly #forged = new ForgedPackets();
  readonly #hinted = new Map<string, NodeJS.Timeout>();
  readonly #orphans = new Map<string, Absences>();
  /** Network -> why the last look failed, and whether that is in the log. */
  readonly #failures = new Map<string, { readonly reason: string; readonly isLogged: boolean }>();
  readonly #work = new Set<Promise<void>>();
  #watch: KernelReports | undefined;
  #first: NodeJS.Timeout | undefined;

  constructor(parts: DriftRepairsParts) {
    this.#parts = parts;
    this.#sweeps = [() => this.#checkAll(), () => this.#checkRules()].map(
      (look) =>
        new Sweep({
          look: () => look().then(() => SWEEP_MS),
          retryMs: SWEEP_MS,
          onFailure: (error) => parts.logger.error('cannot look for drift', { error: errorMessage(error) }),
        }),
    );
  }

  /** Whose packets are dropped now. */
  get forgers(): readonly Forger[] {
    return this.#forged.forgers;
  }

  start(): void {
    this.#watch = this.#parts.dataplane.watchKernel((hint) => this.#take(hint));
    this.#first = setTimeout(() => {
      for (const sweep of this.#sweeps) sweep.start();
    }, FIRST_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#first);
    for (const timer of this.#hinted.values()) clearTimeout(timer);
    await this.#watch?.[Symbol.asyncDispose]();
    await Promise.all(this.#sweeps.map((sweep) => sweep[Symbol.asyncDispose]()));
    await Promise.all(this.#work);
  }

  #take(hint: KernelHint): void {
    if (hint === 'tunnel filter') this.#parts.suspectFilter();
    else if (hint === 'egress') this.#parts.suspectEgress();
    else if (hint === 'underlay') this.#parts.suspectUnderlay();
    else if (hint === 'encryption') this.#parts.suspectEncryption();
    else if (hint === 'networks') this.#due.touchAll();
    else if ('address' in hint) this.#parts.noteAddress(hint.address);
    else if (hint.isOwn) this.#due.touch(hint.networkId);
    else this.#hint(hint.networkId);
  }

  #hint(networkId: string, afterMs = SWARM_MS): void {
    if (this.#hinted.has(networkId) || this.#stop.signal.aborted) return;
    const look = () => {
      this.#hinted.delete(networkId);
      const work = this.#check(networkId).finally(() => this.#work.delete(work));
      this.#work.add(work);
    };
    this.#hinted.set(networkId, setTimeout(look, afterMs));
  }

  async #checkAll(): Promise<void> {
    const { local } = this.#parts;
    const used = new Set(local.listAllEndpoints().map(({ networkId }) => networkId));
    for (const networkId of this.#orphans.keys()) if (!used.has(networkId)) this.#orphans.delete(networkId);
    this.#forged.keep(used);
    for (const networkId of this.#due.take(used, (id) => this.#watch?.isReported(id) ?? false)) {
      if (this.#stop.signal.aborted) return;
      await this.#check(networkId);
      await sleep(BETWEEN_MS, this.#stop.signal);
    }
  }

  async #checkRules(): Promise<void> {
    const { repairRules, repairs } = this.#parts;
    const note = (object: string) => repairs.note([{ kind: 'resolver-rules', object, was: 'altered' }]);
    await repairRules(note, this.#stop.signal);
  }

  /** Never rejects. */
  async #check(networkId: string): Promise<void> {
    const { dataplane, repairs } = this.#parts;
    try {
      const check = await dataplane.repairNetwork(networkId, () => this.#endpointsOf(networkId));
      this.#due.noteLook(networkId, check.size);
      repairs.note(check.repairs, { network: networkId });
      if (check.failure !== undefined) throw check.failure;
      const isForged = this.#forged.note(networkId, check.forged);
      if (isForged || check.isLearning || check.strangers.length > 0) this.#due.touch(networkId);
      await this.#removeOrphans(networkId, check.strangers);
      this.#failures.delete(networkId);
    } catch (error: unknown) {
      this.#noteFailure(networkId, errorMessage(error));
    }
  }

  /** The first failure in a row is mostly due to a change during the look, so the look is repeated soon. */
  #noteFailure(networkId: string, error: string): void {
    this.#due.touch(networkId);
    const former = this.#failures.get(networkId);
    this.#failures.set(networkId, { reason: error, isLogged: former !== undefined });
    if (!former) this.#hint(networkId, AGAIN_MS);
    else if (former.reason !== error || !former.isLogged)
      this.#parts.logger.error('cannot repair a network', { network: networkId, error });
  }

  #endpointsOf(networkId: string): LocalEndpoint[] {
    const { local, sandboxPathOf } = this.#parts;
    const record = local.findRecord(networkId);
    return record ? localEndpoints(record, local.listEndpoints(networkId), sandboxPathOf) : [];
  }

  /** A container that has the other end keeps it: the store may be wrong (an old backup). */
  async #removeOrphans(networkId: string, strangers: readonly string[]): Promise<void> {
    const { dataplane, local, repairs } = this.#parts;
    const seen = this.#orphans.get(networkId) ?? new Absences();
    this.#orphans.set(networkId, seen);
    // On a LAN's parent are also interfaces of other networks, and one whose alias somebody took away is nobody's.
    const isKnown = (name: string) => local.isBeingCreated(name) || local.hasEndpoint(name);
    const unknown = strangers.filter((name) => !isKnown(name));
    seen.note(unknown);
    const long = unknown.filter((name) => seen.isLongerThan(name, ORPHAN_MS));
    if (long.length === 0) return;
    const outer = new Set(await dataplane.listOuterEnds());
    const record = local.findRecord(networkId);
    for (const name of long.filter((each) => outer.has(each))) {
      await dataplane.removeEndpoint(networkId, name, record && modeOf(record));
      repairs.note([{ kind: 'orphan', object: name, was: 'extra' }], { network: networkId });
    }
  }
}
