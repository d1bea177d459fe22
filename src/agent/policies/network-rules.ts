/** What the policies of the cluster and a network's isolation mean for the frames of one network. Pure. */
import type {
  AllowedSource,
  NetworkRules,
  RuledEndpoint,
  RulesOfPolicy,
} from '../../dataplane/policy/policies.js';
import type { EndpointRecord } from '../../model/endpoint.js';
import { modeOf, type NetworkRecord } from '../../model/network.js';
import type { Labels } from '../../model/policy/labels.js';
import { type PolicyDocument, type PolicyRule, parsePort, sourceOf } from '../../model/policy/policy.js';
import { LabelMeanings } from './label-meanings.js';

export interface RuledNetwork {
  readonly network: Pick<NetworkRecord, 'id' | 'name' | 'protection'>;
  readonly hostId: string;
  /** Of this host's own, which may be known before they are published. */
  readonly labelsOf: (endpointId: string) => Labels | undefined;
}

/** Undefined: everything passes. `endpoints`: on all hosts; `policies`: those of the cluster. */
export function rulesOf(
  ruled: RuledNetwork & {
    readonly endpoints: readonly EndpointRecord[];
    readonly policies: readonly PolicyDocument[];
  },
): FollowedRules | undefined {
  const meanings = new LabelMeanings(policiesIn(ruled.network, ruled.policies));
  return FollowedRules.of(ruled, meanings, ruled.endpoints);
}

/** The rules of a network while its endpoints come, change and go: each change costs the same, however many there are. */
export class FollowedRules implements NetworkRules {
  readonly policies: readonly RulesOfPolicy[];
  readonly gateways?: Set<string>;
  readonly endpoints = new Map<string, RuledEndpoint>();
  /** By the places that `meanings` gives to rules. */
  readonly #letIn: readonly Set<string>[];
  /** Endpoint -> MAC, and back. No two endpoints of a network have one. */
  readonly #macs = new Map<string, string>();
  readonly #holders = new Map<string, string>();

  /** Of no endpoint yet. */
  private constructor(
    private readonly ruled: RuledNetwork,
    readonly meanings: LabelMeanings,
  ) {
    const { network } = ruled;
    this.#letIn = Array.from({ length: meanings.places }, () => new Set<string>());
    const macsOf = (rule: PolicyRule) => this.#letIn[meanings.placeOf(rule) ?? -1] ?? new Set<string>();
    this.policies = meanings.policies.map((policy) => rulesOfPolicy(policy, network, macsOf));
    if (network.protection?.isolate) this.gateways = new Set();
  }

  /** `meanings`: of the policies of this network. */
  static of(
    ruled: RuledNetwork,
    meanings: LabelMeanings,
    endpoints: readonly EndpointRecord[],
  ): FollowedRules | undefined {
    if (meanings.policies.length === 0 && !ruled.network.protection?.isolate) return undefined;
    const rules = new FollowedRules(ruled, meanings);
    for (const endpoint of endpoints) rules.#put(endpoint);
    return rules;
  }

  /** By id, what the network has of these endpoints now; undefined: gone. Returns the MACs whose rules may be others. */
  change(changed: Iterable<readonly [endpointId: string, now: EndpointRecord | undefined]>): Set<string> {
    const entries = [...changed];
    const macs = new Set(entries.flatMap(([id]) => this.#remove(id) ?? []));
    // After all removals: what comes may have the MAC of what is gone.
    for (const [, endpoint] of entries) {
      if (!endpoint) continue;
      this.#put(endpoint);
      macs.add(endpoint.mac);
    }
    return macs;
  }

  #put({ id, mac, hostId, labels: published }: EndpointRecord): void {
    const isOwn = hostId === this.ruled.hostId;
    const labels = published ?? (isOwn ? this.ruled.labelsOf(id) : undefined);
    const meaning = labels && this.meanings.of(labels);
    this.#forget(mac);
    this.#macs.set(id, mac);
    this.#holders.set(mac, id);
    for (const place of meaning?.letInBy ?? []) this.#letIn[place]?.add(mac);
    if (meaning?.isGateway) this.gateways?.add(mac);
    this.endpoints.set(mac, { ...(isOwn && { localId: id }), selectedBy: meaning?.selectedBy });
  }

  #remove(endpointId: string): string | undefined {
    const mac = this.#macs.get(endpointId);
    this.#macs.delete(endpointId);
    if (mac !== undefined && this.#holders.get(mac) === endpointId) this.#forget(mac);
    return mac;
  }

  #forget(mac: string): void {
    for (const macs of this.#letIn) macs.delete(mac);
    this.gateways?.delete(mac);
    this.endpoints.delete(mac);
    this.#holders.delete(mac);
  }
}

/** On a LAN no host sees the frames that others send; of a routed network the host's own table sends packets on. */
export function canEnforce(network: Pick<NetworkRecord, 'mode'>): boolean {
  return modeOf(network).kind === 'overlay';
}

/** In one order on all hosts. */
export function policiesIn(
  { id, name }: Pick<NetworkRecord, 'id' | 'name'>,
  policies: readonly PolicyDocument[],
): PolicyDocument[] {
  return policies
    .filter(({ network }) => network === undefined || network === id || network === name)
    .sort((one, other) => (one.policy < other.policy ? -1 : 1));
}

function rulesOfPolicy(
  { policy: name, allow, audit = false }: PolicyDocument,
  network: RuledNetwork['network'],
  macsOf: (rule: PolicyRule) => ReadonlySet<string>,
): RulesOfPolicy {
  const rules = allow.map((rule): AllowedSource => {
    const ports = rule.ports?.flatMap((text) => parsePort(text) ?? []);
    return { from: fromOf(rule, network, macsOf), ...(ports && { ports }) };
  });
  return { name, isAudit: audit, allow: rules };
}

/** Who comes by a network has come by that network: in another one it is nobody. */
function fromOf(
  rule: PolicyRule,
  { id, name }: RuledNetwork['network'],
  macsOf: (rule: PolicyRule) => ReadonlySet<string>,
): AllowedSource['from'] {
  const source = sourceOf(rule);
  if ('labels' in source) return macsOf(rule);
  if ('cidr' in source) return source;
  return source.network === name || source.network === id ? 'all' : new Set();
}
