/**
 * src/agent/policies: keeps the policies of the cluster in force on this host, in each network with containers here. Not in here: what
 * the kernel makes of them (src/dataplane/policy/), and who may change them.
 *
 * Fail static: while etcd is away what was last known is in force, and when the daemon ends the rules stay in the kernel.
 */
import { KeyedMutex } from '../../concurrency/keyed-mutex.js';
import { Sweep } from '../../concurrency/sweep.js';
import type { PolicyDevice } from '../../dataplane/policy/policies.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { errorMessage } from '../../errors.js';
import { modeOf, type NetworkRecord } from '../../model/network.js';
import { hasLabels } from '../../model/policy/labels.js';
import type { PolicyDocument } from '../../model/policy/policy.js';
import type { Logger } from '../../observability/logger.js';
import type { RepairLog } from '../../observability/repair-log.js';
import type { Replica } from '../../replica/replica.js';
import type { View } from '../../replica/view.js';
import type { EndpointChange } from '../forwarding/followed-network.js';
import type { NetworkFollower } from '../forwarding/network-follower.js';
import type { KnownLabels } from '../labels/known-labels.js';
import { type Changed, ChangedEndpoints } from './changed-endpoints.js';
import { KnownPolicies } from './known-policies.js';
import { LabelMeanings } from './label-meanings.js';
import { canEnforce, FollowedRules, policiesIn } from './network-rules.js';

export interface PolicyGuardParts {
  readonly replica: Pick<Replica, 'follow'>;
  readonly device: PolicyDevice;
  readonly local: Pick<LocalNetworks, 'listAllEndpoints' | 'findRecord' | 'findEndpoint'>;
  /** A network may get its name after its containers, and policies go by names. */
  readonly clusterNetworks: Pick<View<NetworkRecord>, 'onChange'>;
  readonly follower: Pick<NetworkFollower, 'endpointsOf' | 'findEndpoint'>;
  readonly labels: Pick<KnownLabels, 'labelsOf' | 'onChange'>;
  readonly hostId: string;
  readonly repairs: RepairLog;
  readonly logger: Logger;
  /** In ms; default: of this process. */
  readonly now?: () => number;
}

interface Made {
  readonly network: NetworkRecord;
  readonly policies: readonly PolicyDocument[];
  readonly rules: FollowedRules;
}

/** Between two looks at whether the rules are there, of which most come by the kernel's events. */
const LOOK_MS = 10_000;
/** Without any rules. */
const IDLE_MS = 60_000;
const RETRY_MS = 1_000;
/** For so long the endpoints of a network may be unknown, as they are after a start. */
const PATIENCE_MS = 30_000;

export class PolicyGuard implements AsyncDisposable {
  /** Called when there are rules in a network that had none. */
  onFirst: () => void = () => undefined;
  readonly #parts: PolicyGuardParts;
  readonly #policies: KnownPolicies;
  readonly #sweep: Sweep;
  readonly #mutex = new KeyedMutex();
  readonly #forget: readonly (() => void)[];
  /** Since the rules of their networks were made. */
  readonly #changed = new ChangedEndpoints();
  /** What is in force; undefined: nothing is to be. */
  readonly #inForce = new Map<string, FollowedRules | undefined>();
  /** By network: its rules, and of what they were made. */
  readonly #made = new Map<string, Made>();
  /** Network -> why it is not in force. */
  readonly #failures = new Map<string, string>();
  /** Network whose endpoints are not known -> since when. */
  readonly #unknown = new Map<string, number>();

  constructor(parts: PolicyGuardParts) {
    this.#parts = parts;
    this.#policies = new KnownPolicies(parts.replica, () => this.#hintAll());
    this.#sweep = new Sweep({
      look: () => this.#look(),
      retryMs: RETRY_MS,
      onFailure: (error) => parts.logger.error('cannot set policies', { error: errorMessage(error) }),
    });
    this.#forget = [
      parts.clusterNetworks.onChange((changes) => {
        for (const { before, now } of changes.values())
          if (now?.record && now.record.name !== before?.record?.name) this.#hintIfHere(now.record.id);
      }),
      parts.labels.onChange((endpointIds) => this.#hintOf(endpointIds)),
    ];
    // Every look is at all that is in force.
    parts.device.onDoubt(() => this.#sweep.hint());
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
  get policies(): readonly PolicyDocument[] {
    return this.#policies.all;
  }

  /** Networks of this host with rules, and these. */
  get inForce(): ReadonlyMap<string, FollowedRules | undefined> {
    return this.#inForce;
  }

  /** What of the policies does not hold on this host, for people. */
  get problems(): string[] {
    const failed = [...this.#failures].map(
      ([networkId, reason]) =>
        `policies are not in force on this host in network ${this.#nameOf(networkId)}: ${reason}`,
    );
    const unknown = [...this.#unknown]
      .filter(([, since]) => this.#now() - since > PATIENCE_MS)
      .map(
        ([networkId]) =>
          `policies are not in force on this host for what changes in network ${this.#nameOf(networkId)}: its endpoints are not known here; ` +
          'they come from etcd: see whether `xnet status` has it as away, or says that the network is not followed',
      );
    return [...failed, ...unknown, ...this.#policies.problems, ...this.#unenforced()];
  }

  /** Endpoints of the network have changed: these alone, or, without `changes`, any. */
  hint(networkId: string, changes?: readonly EndpointChange[]): void {
    // Of most networks there are no rules, and containers come and go in all.
    if (this.#isWithoutRules(networkId) && !this.isRuled(networkId)) return;
    const changed = changes?.flatMap(({ before, now }) => (before ?? now)?.id ?? []);
    this.#changed.add(networkId, changed ?? 'any');
    this.#sweep.hint();
  }

  /** Of a network that is to have rules, for people: why it has none, or not the latest. Undefined: they are in force. */
  whyNotInForce(networkId: string): string | undefined {
    const failure = this.#failures.get(networkId);
    if (failure !== undefined) return failure;
    if (this.#unknown.has(networkId)) return 'the endpoints of the network are not known there';
    if (!this.isRuled(networkId)) return 'no policy of the network is known there';
    return this.#inForce.get(networkId) ? undefined : 'they are not written yet';
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
    if (!this.#isDue(networkId) && this.#parts.device.isInForce(networkId)) return;
    await this.#apply(networkId);
  }

  #hintIfHere(networkId: string): void {
    if (this.#parts.local.findRecord(networkId)) this.hint(networkId);
  }

  /** Also of networks whose first rules are being written. */
  #hintAll(): void {
    for (const { networkId } of this.#parts.local.listAllEndpoints()) this.#changed.add(networkId, 'any');
    this.#sweep.hint();
  }

  #hintOf(endpointIds: ReadonlySet<string>): void {
    for (const id of endpointIds) {
      const networkId = this.#parts.local.findEndpoint(id)?.networkId;
      if (networkId === undefined || !this.isRuled(networkId)) continue;
      this.#changed.add(networkId, [id]);
      this.#sweep.hint();
    }
  }

  /** Its rules are to be made, or changed. */
  #isDue(networkId: string): boolean {
    return this.#changed.has(networkId) || !this.#inForce.has(networkId);
  }

  async #look(): Promise<number> {
    const used = new Set(this.#parts.local.listAllEndpoints().map(({ networkId }) => networkId));
    this.#changed.keepOnly(used);
    for (const known of [this.#failures, this.#unknown, this.#made])
      for (const networkId of known.keys()) if (!used.has(networkId)) known.delete(networkId);
    for (const networkId of this.#inForce.keys()) if (!used.has(networkId)) await this.#leave(networkId);
    for (const networkId of used) await this.#lookAt(networkId);
    if (this.#failures.size > 0) return RETRY_MS;
    return this.#unknown.size > 0 || [...this.#inForce.values()].some((rules) => rules) ? LOOK_MS : IDLE_MS;
  }

  /**
   * Of a network without endpoints here nothing is kept: neither rules nor what watches them, by which the kernel would keep its
   * namespace. Rules that cannot be removed judge nobody.
   */
  async #leave(networkId: string): Promise<void> {
    await this.#mutex.run(networkId, async () => {
      if (this.#inForce.get(networkId))
        await this.#parts.device.set(networkId, undefined).catch(() => undefined);
      this.#inForce.delete(networkId);
    });
  }

  async #lookAt(networkId: string): Promise<void> {
    if (!this.#isDue(networkId) && this.#inForce.get(networkId) === undefined) return;
    try {
      await this.#apply(networkId);
    } catch (error: unknown) {
      const reason = errorMessage(error);
      if (this.#failures.get(networkId) !== reason)
        this.#parts.logger.error('cannot set policies', { network: networkId, error: reason });
      this.#failures.set(networkId, reason);
    }
  }

  async #apply(networkId: string): Promise<void> {
    await this.#mutex.run(networkId, async () => {
      const isDue = this.#isDue(networkId);
      const changed = this.#changed.take(networkId) ?? (isDue ? 'any' : new Set<string>());
      try {
        await this.#set(networkId, changed);
      } catch (error: unknown) {
        // What is in the kernel is not known, and all is made anew.
        this.#changed.add(networkId, 'any');
        throw error;
      }
    });
  }

  async #set(networkId: string, changed: Changed): Promise<void> {
    const { device, repairs } = this.#parts;
    const made = changed === 'any' ? undefined : this.#followed(networkId, changed);
    const rules = made ? made.rules : this.#rulesOf(networkId);
    // Of networks whose endpoints are not known yet the rules of the daemon before this one stay.
    if (rules === 'unknown') {
      this.#unknown.set(networkId, this.#unknown.get(networkId) ?? this.#now());
      this.#changed.add(networkId, 'any');
      return;
    }
    this.#unknown.delete(networkId);
    if (!rules && this.#isWithoutRules(networkId)) return;
    // There may be policies that this host has not heard of yet, and the rules of an earlier daemon.
    if (!rules && !this.#policies.isCurrent) return;
    const outcome = await device.set(networkId, rules, made?.macs);
    if (outcome === true)
      repairs.note([{ kind: 'policy', object: 'bridge xnet-policy', was: 'altered' }], {
        network: networkId,
      });
    const wasRuled = this.#inForce.get(networkId) !== undefined;
    if (rules && outcome === 'absent') this.#inForce.delete(networkId);
    else this.#inForce.set(networkId, rules);
    if (!wasRuled && this.#inForce.get(networkId)) this.onFirst();
    this.#failures.delete(networkId);
  }

  /** The rules that are in force, changed for these endpoints, and for which MACs; undefined: they are to be made anew. */
  #followed(networkId: string, endpointIds: ReadonlySet<string>) {
    const { local, follower } = this.#parts;
    const made = this.#made.get(networkId);
    const isOfTheSame = made?.network === local.findRecord(networkId) && made?.policies === this.policies;
    if (!made || !isOfTheSame || this.#inForce.get(networkId) !== made.rules) return undefined;
    const { rules } = made;
    const now = [...endpointIds].map((id) => [id, follower.findEndpoint(networkId, id)] as const);
    return { rules, macs: rules.change(now) };
  }

  /** None are to be, and none are. */
  #isWithoutRules(networkId: string): boolean {
    return this.#inForce.has(networkId) && this.#inForce.get(networkId) === undefined;
  }

  /** Made anew. */
  #rulesOf(networkId: string): FollowedRules | undefined | 'unknown' {
    const { local, follower, labels, hostId } = this.#parts;
    const network = local.findRecord(networkId);
    const endpoints = follower.endpointsOf(networkId);
    this.#made.delete(networkId);
    if (!network || !canEnforce(network)) return undefined;
    if (!endpoints) return this.isRuled(networkId) ? 'unknown' : undefined;
    const { policies } = this;
    const labelsOf = (id: string) => labels.labelsOf(id);
    const meanings = new LabelMeanings(policiesIn(network, policies));
    const rules = FollowedRules.of({ network, hostId, labelsOf }, meanings, endpoints);
    if (rules) this.#made.set(networkId, { network, policies, rules });
    return rules;
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

  #now(): number {
    return this.#parts.now?.() ?? performance.now();
  }

  #nameOf(networkId: string): string {
    return this.#parts.local.findRecord(networkId)?.name ?? networkId;
  }
}
