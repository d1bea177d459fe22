/**
 * src/agent/egress: which containers of this host are closed to the outside, and what each may reach there. Fail closed: a
 * container is closed before its process runs, and reaches nothing while its labels are not known, or are wrong. Not in here: how
 * the kernel does it (src/dataplane/egress/), and what a query is answered (src/dns/).
 */
import { NEVER_MS, Sweep } from '../../concurrency/sweep.js';
import type { EgressRules } from '../../dataplane/egress/egress-rules.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { errorMessage, isXnetError, XnetError } from '../../errors.js';
import type { NetworkRecord } from '../../model/network.js';
import type { Logger } from '../../observability/logger.js';
import type { RepairLog } from '../../observability/repair-log.js';
import { type GuardedContainer, parseLabel, problemsOf } from './guarded-container.js';
import { NameGate } from './name-gate.js';
import { RefusedNames } from './refused-names.js';

export interface EgressGuardParts {
  readonly rules: EgressRules;
  readonly local: Pick<LocalNetworks, 'findRecord' | 'listAllEndpoints'>;
  readonly sandboxPathOf: (endpointId: string) => string | undefined;
  /** By Docker's word; undefined: it has not named it yet. */
  readonly containerIn: (sandboxPath: string) => GuardedContainer | undefined;
  /** Whether an address is in a network of the cluster, or a host's. */
  readonly isOwn: (address: string) => boolean;
  /** What the log and the events say of a name that was refused. */
  readonly noteRefused: (container: string, what: string) => void;
  readonly repairs: RepairLog;
  readonly logger: Logger;
}

/** What is altered without a word of the kernel's is found within 30 s. */
const LOOK_MS = 22_000;
const RETRY_MS = 1_000;

export function isClosed({ protection }: Pick<NetworkRecord, 'protection'>): boolean {
  return protection?.egress === 'deny';
}

export class EgressGuard extends Sweep {
  readonly #parts: EgressGuardParts;
  readonly #gates = new Map<string, NameGate>();
  readonly #refused: RefusedNames;
  /** The addresses by which the containers of sandboxes go out, as they were closed last. */
  readonly #sources = new Map<string, readonly string[]>();
  readonly #failures = new Map<string, string>();
  /** Nothing is closed, and the kernel has nothing of it: containers of other networks come and go without a look there. */
  #isClear = false;

  constructor(parts: EgressGuardParts) {
    super({
      look: () => this.#look(),
      retryMs: RETRY_MS,
      onFailure: (error) =>
        parts.logger.error('cannot keep containers closed', { error: errorMessage(error) }),
    });
    this.#parts = parts;
    this.#refused = new RefusedNames(parts.noteRefused);
  }

  /** The device of docker_gwbridge, by the last list of Docker's networks; undefined: it is not among them. */
  goesOutBy(device: string | undefined): void {
    if (this.#parts.rules.useBridge(device)) this.hint();
  }

  /** Before a container joins the network. Throws UNSUPPORTED and KERNEL where it could not be closed. */
  async prepare(network: NetworkRecord): Promise<void> {
    if (!isClosed(network)) return;
    this.#isClear = false;
    await this.#parts.rules.prepare();
  }

  /** Before the container's process runs. Never fails: what cannot be closed has its way out taken down. */
  async close(networkId: string, sandboxPath: string): Promise<void> {
    const record = this.#parts.local.findRecord(networkId);
    if (record && isClosed(record)) await this.#close(sandboxPath).catch(() => undefined);
  }

  /** What of outside names the sandbox, which is in these networks, may ask for; undefined: all. */
  gateOf(sandboxPath: string, networkIds: Iterable<string>): NameGate | undefined {
    const records = [...networkIds].flatMap((id) => this.#parts.local.findRecord(id) ?? []);
    if (!records.some(isClosed)) return undefined;
    const known = this.#gates.get(sandboxPath);
    if (known) return known;
    const { rules, containerIn, isOwn } = this.#parts;
    const gate = new NameGate({
      container: () => containerIn(sandboxPath),
      isOwn,
      refused: (name, why) => this.#refused.note(containerIn(sandboxPath) ?? unnamed(sandboxPath), name, why),
      admit: (addresses) => rules.admit(sandboxPath, addresses),
      closeAgain: () => this.#close(sandboxPath),
    });
    this.#gates.set(sandboxPath, gate);
    return gate;
  }

  /** For `xnet status`. */
  get problems(): readonly string[] {
    const { containerIn } = this.#parts;
    const ofContainers = this.#sandboxes().flatMap(({ path }) => {
      const container = path === undefined ? undefined : containerIn(path);
      return container ? problemsOf(container) : [];
    });
    return [...new Set([...ofContainers, ...this.#failures.values()])];
  }

  /** What was refused to the container, the latest last. Throws NOT_FOUND where it is not of this host, or not closed. */
  log(wanted: string) {
    const found = this.#sandboxes().flatMap(({ path }) => {
      const container = path === undefined ? undefined : this.#parts.containerIn(path);
      return path !== undefined && container && isMeant(container, wanted) ? [{ path, container }] : [];
    })[0];
    if (!found)
      throw new XnetError(
        'NOT_FOUND',
        `no container "${wanted}" runs on this host in a network with xnet.egress=deny; \`xnet endpoints\` says on which host it is`,
      );
    const packets = this.#parts.rules.refused(this.#sources.get(found.path) ?? []);
    return { container: found.container, names: this.#refused.of(found.container), packets };
  }

  async #look(): Promise<number> {
    const { rules, repairs } = this.#parts;
    // Asked anew before each: a container may have come back meanwhile.
    for (const path of new Set([...this.#sources.keys(), ...this.#gates.keys()]))
      if (!this.#paths().has(path)) await this.#open(path);
    if (this.#sandboxes().length === 0) {
      if (!this.#isClear) await this.#clear();
      return NEVER_MS;
    }
    const altered = await rules.repair();
    repairs.note(altered.map((object) => ({ kind: 'egress-rules', object, was: 'altered' })));
    for (const path of this.#paths()) await this.#close(path).catch(() => undefined);
    await rules.keep(() => this.#allPaths());
    return this.#failures.size > 0 ? RETRY_MS : LOOK_MS;
  }

  /** What is closed meanwhile makes it untrue again. */
  async #clear(): Promise<void> {
    this.#isClear = true;
    let isDone = false;
    try {
      isDone = await this.#parts.rules.keep(() => this.#allPaths());
    } finally {
      if (!isDone) this.#isClear = false;
    }
  }

  #sandboxes(): { readonly path: string | undefined }[] {
    const { local, sandboxPathOf } = this.#parts;
    return local.listAllEndpoints().flatMap(({ id, networkId }) => {
      const record = local.findRecord(networkId);
      return record && isClosed(record) ? [{ path: sandboxPathOf(id) }] : [];
    });
  }

  #paths(): ReadonlySet<string> {
    return new Set(this.#sandboxes().flatMap(({ path }) => path ?? []));
  }

  /** Undefined until the sandboxes of all are known: what an earlier daemon closed stays closed. */
  #allPaths(): readonly string[] | undefined {
    const isUnknown = this.#sandboxes().some(({ path }) => path === undefined);
    return isUnknown ? undefined : [...this.#paths()];
  }

  async #close(path: string): Promise<void> {
    this.#isClear = false;
    const container = this.#parts.containerIn(path);
    const { ranges } = parseLabel(container).allow;
    try {
      const goesElsewhere = container !== undefined && container.otherWays.length > 0;
      const leg = await this.#parts.rules.close(path, ranges, goesElsewhere);
      this.#sources.set(path, leg?.addresses ?? []);
      // Another container's end that is just going away has its address.
      if (leg?.addresses.length === 0) this.hintLater(RETRY_MS);
      this.#failures.delete(path);
    } catch (error: unknown) {
      if (isXnetError(error, 'NOT_FOUND')) return;
      const who = container?.name ?? path;
      const why = `container ${who} has no way outside, since its network has xnet.egress=deny and this host cannot say what it may reach: ${errorMessage(error)}`;
      if (this.#failures.get(path) !== why) this.#parts.logger.error(why);
      this.#failures.set(path, why);
      this.hintLater(RETRY_MS);
      throw error;
    }
  }

  async #open(path: string): Promise<void> {
    await this.#parts.rules.open(path);
    this.#gates.delete(path);
    this.#sources.delete(path);
    this.#failures.delete(path);
  }
}

/** Docker has forgotten the container. */
function unnamed(sandboxPath: string): Pick<GuardedContainer, 'id' | 'name'> {
  return { id: sandboxPath, name: sandboxPath };
}

function isMeant({ id, name }: GuardedContainer, wanted: string): boolean {
  return name === wanted || id === wanted || (wanted.length >= 4 && id.startsWith(wanted));
}
