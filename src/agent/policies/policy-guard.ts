/**
 * src/agent/policies: keeps the policies of the cluster in force on this host, in each network with containers here. Not in here: what
 * the kernel makes of them (src/dataplane/policy/), and who may change them.
 *
 * Fail static: while etcd is away what was last known is in force, and when the daemon ends the rules stay in the kernel.
 */
import { KeyedMutex } from '../../concurrency/keyed-mutex.js';
import { Sweep } from '../../concurrency/sweep.js';
import type { NetworkRules, PolicyDevice } from '../../dataplane/policy/policies.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { errorMessage } from '../../errors.js';
import { keys } from '../../model/keys.js';
import { modeOf, type NetworkRecord } from '../../model/network.js';
import { hasLabels } from '../../model/policy/labels.js';
import { type PolicyRecord, policyRecord } from '../../model/policy/policy.js';
import type { Logger } from '../../observability/logger.js';
import type { RepairLog } from '../../observability/repair-log.js';
import type { Replica } from '../../replica/replica.js';
import type { View } from '../../replica/view.js';
import type { NetworkFollower } from '../forwarding/network-follower.js';
import type { KnownLabels } from '../labels/known-labels.js';
import { policiesIn, rulesOf } from './network-rules.js';

export interface PolicyGuardParts {
  readonly replica: Pick<Replica, 'follow'>;
  readonly device: PolicyDevice;
  readonly local: Pick<LocalNetworks, 'listAllEndpoints' | 'findRecord' | 'findEndpoint'>;
  readonly follower: Pick<NetworkFollower, 'endpointsOf'>;
  readonly labels: Pick<KnownLabels, 'labelsOf' | 'onChange'>;
  readonly hostId: string;
  readonly repairs: RepairLog;
  readonly logger: Logger;
}

/** Between two looks at whether the rules are there, of which most come by the kernel's events. */
const LOOK_MS = 10_000;
/** Without any rules. */
const IDLE_MS = 60_000;
const RETRY_MS = 1_000;

export class PolicyGuard implements AsyncDisposable {
  readonly #parts: PolicyGuardParts;
  readonly #policies: View<PolicyRecord>;
  readonly #sweep: Sweep;
  readonly #mutex = new KeyedMutex();
  readonly #forget: readonly (() => void)[];
  /** Networks whose rules may not be right; undefined: any. */
  #changed: Set<string> | undefined;
  /** What is in force; undefined: nothing is to be. */
  readonly #inForce = new Map<string, NetworkRules | undefined>();
  /** Network -> why it is not in force. */
  readonly #failures = new Map<string, string>();

  constructor(parts: PolicyGuardParts) {
    this.#parts = parts;
    this.#policies = parts.replica.follow(keys.policies(), policyRecord);
    this.#sweep = new Sweep({
      look: () => this.#look(),
      retryMs: RETRY_MS,
      onFailure: (error) => parts.logger.error('cannot set policies', { error: errorMessage(error) }),
    });
    this.#forget = [
      this.#policies.onChange(() => this.#hintAll()),
      parts.labels.onChange((endpointIds) => this.#hintOf(endpointIds)),
    ];
    parts.device.onDoubt((networkId) => this.hint(networkId));
  }

  /** Resolves when the policies are known. */
  async start(): Promise<void> {
    await this.#policies.ready;
    this.#sweep.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const forget of this.#forget) forget();
    await this.#sweep[Symbol.asyncDispose]();
    await this.#policies[Symbol.asyncDispose]();
  }

  /** All of the cluster, as known here. */
  get policies(): readonly PolicyRecord[] {
    return this.#policies.records;
  }

  /** Networks of this host with rules, and these. */
  get inForce(): ReadonlyMap<string, NetworkRules | undefined> {
    return this.#inForce;
  }

  /** What of the policies does not hold on this host, for people. */
  get problems(): string[] {
    const failed = [...this.#failures].map(
      ([networkId, reason]) =>
        `policies are not in force on this host in network ${this.#nameOf(networkId)}: ${reason}`,
    );
    return [...failed, ...this.#unenforced()];
  }

  /** Endpoints of the network have changed, or its rules in the kernel. */
  hint(networkId: string): void {
    // Of most networks there are no rules, and containers come and go in all.
    if (this.#isWithoutRules(networkId) && !this.isRuled(networkId)) return;
    this.#changed?.add(networkId);
    this.#sweep.hint();
  }

  /** Whether frames to a container of the network may be judged by its labels. */
  isRuled(networkId: string): boolean {
    const network = this.#parts.local.findRecord(networkId);
    if (!network || !canEnforce(network)) return false;
    return network.protection?.isolate === true || policiesIn(network, this.policies).length > 0;
  }

  /** Resolves when the rules of the network, which has a namespace now, are in force; at once where there are none. Throws what PolicyDevice does. */
  async applied(networkId: string): Promise<void> {
    if (!this.isRuled(networkId)) return;
    await this.#apply(networkId, this.#inForce.get(networkId) === undefined);
  }

  #hintAll(): void {
    this.#changed = undefined;
    this.#sweep.hint();
  }

  #hintOf(endpointIds: ReadonlySet<string>): void {
    for (const id of endpointIds) {
      const networkId = this.#parts.local.findEndpoint(id)?.networkId;
      if (networkId !== undefined && this.isRuled(networkId)) this.hint(networkId);
    }
  }

  async #look(): Promise<number> {
    const used = new Set(this.#parts.local.listAllEndpoints().map(({ networkId }) => networkId));
    for (const networkId of this.#inForce.keys()) if (!used.has(networkId)) this.#inForce.delete(networkId);
    for (const networkId of this.#failures.keys()) if (!used.has(networkId)) this.#failures.delete(networkId);
    const changed = this.#changed ?? used;
    this.#changed = new Set();
    for (const networkId of used) await this.#lookAt(networkId, changed.has(networkId));
    for (const networkId of this.#failures.keys()) this.#changed.add(networkId);
    if (this.#failures.size > 0) return RETRY_MS;
    return [...this.#inForce.values()].some((rules) => rules) ? LOOK_MS : IDLE_MS;
  }

  async #lookAt(networkId: string, isChanged: boolean): Promise<void> {
    if (!isChanged && this.#inForce.get(networkId) === undefined) return;
    try {
      await this.#apply(networkId, isChanged);
    } catch (error: unknown) {
      const reason = errorMessage(error);
      if (this.#failures.get(networkId) !== reason)
        this.#parts.logger.error('cannot set policies', { network: networkId, error: reason });
      this.#failures.set(networkId, reason);
    }
  }

  async #apply(networkId: string, isChanged = true): Promise<void> {
    await this.#mutex.run(networkId, async () => {
      const rules = isChanged ? this.#rulesOf(networkId) : this.#inForce.get(networkId);
      // Of networks whose endpoints are not known yet the rules of the daemon before this one stay.
      if (rules === 'unknown') return;
      if (!rules && this.#isWithoutRules(networkId)) return;
      const outcome = await this.#parts.device.set(networkId, rules);
      if (outcome === true)
        this.#parts.repairs.note([{ kind: 'policy', object: 'bridge xnet-policy', was: 'altered' }], {
          network: networkId,
        });
      if (outcome !== 'absent') this.#inForce.set(networkId, rules);
      else this.#inForce.delete(networkId);
      this.#failures.delete(networkId);
    });
  }

  /** None are to be, and none are. */
  #isWithoutRules(networkId: string): boolean {
    return this.#inForce.has(networkId) && this.#inForce.get(networkId) === undefined;
  }

  #rulesOf(networkId: string): NetworkRules | undefined | 'unknown' {
    const { local, follower, labels, hostId } = this.#parts;
    const network = local.findRecord(networkId);
    const endpoints = follower.endpointsOf(networkId);
    if (!network || !canEnforce(network)) return undefined;
    if (!endpoints) return this.isRuled(networkId) ? 'unknown' : undefined;
    const labelsOf = (id: string) => labels.labelsOf(id);
    return rulesOf({ network, endpoints, policies: this.policies, hostId, labelsOf });
  }

  /** Containers of this host that a policy selects where it cannot be enforced. */
  #unenforced(): string[] {
    if (this.policies.length === 0) return [];
    const { local, labels } = this.#parts;
    return local.listAllEndpoints().flatMap(({ id, networkId }) => {
      const network = local.findRecord(networkId);
      const own = labels.labelsOf(id);
      if (!network || !own || canEnforce(network)) return [];
      return policiesIn(network, this.policies)
        .filter(({ to, audit }) => audit !== true && hasLabels(own, to))
        .map(
          ({ policy }) =>
            `policy ${policy} is not in force for endpoint ${id.slice(0, 12)} in network ${network.name ?? networkId}: ` +
            `networks of mode ${modeOf(network).kind} have no policies`,
        );
    });
  }

  #nameOf(networkId: string): string {
    return this.#parts.local.findRecord(networkId)?.name ?? networkId;
  }
}

/** On a LAN no host sees the frames that others send; of a routed network the host's own table sends packets on. */
export function canEnforce(network: Pick<NetworkRecord, 'mode'>): boolean {
  return modeOf(network).kind === 'overlay';
}
