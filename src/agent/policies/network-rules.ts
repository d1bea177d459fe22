/** What the policies of the cluster and a network's isolation mean for the frames of one network. Pure. */
import type { AllowedSource, NetworkRules, RulesOfPolicy } from '../../dataplane/policy/policies.js';
import type { EndpointRecord } from '../../model/endpoint.js';
import type { NetworkRecord } from '../../model/network.js';
import { GATEWAY_LABEL, hasLabels, type Labels } from '../../model/policy/labels.js';
import { type PolicyDocument, parsePort, sourceOf } from '../../model/policy/policy.js';

export interface RuledNetwork {
  readonly network: Pick<NetworkRecord, 'id' | 'name' | 'protection'>;
  /** On all hosts. */
  readonly endpoints: readonly EndpointRecord[];
  /** Those of the cluster. */
  readonly policies: readonly PolicyDocument[];
  readonly hostId: string;
  /** Of this host's own, which may be known before they are published. */
  readonly labelsOf: (endpointId: string) => Labels | undefined;
}

/** Undefined: everything passes. */
export function rulesOf(ruled: RuledNetwork): NetworkRules | undefined {
  const { network, endpoints, hostId } = ruled;
  const policies = policiesIn(network, ruled.policies);
  const isIsolated = network.protection?.isolate === true;
  if (policies.length === 0 && !isIsolated) return undefined;
  const labelled = endpoints.map((endpoint) => ({
    endpoint,
    labels: endpoint.labels ?? (endpoint.hostId === hostId ? ruled.labelsOf(endpoint.id) : undefined),
  }));
  const macsWith = (wanted: Labels) =>
    labelled.flatMap(({ endpoint, labels }) => (labels && hasLabels(labels, wanted) ? [endpoint.mac] : []));
  return {
    policies: policies.map((policy) => rulesOfPolicy(policy, network, macsWith)),
    ...(isIsolated && { gateways: macsWith({ [GATEWAY_LABEL]: 'true' }) }),
    endpoints: labelled.map(({ endpoint, labels }) => ({
      mac: endpoint.mac,
      ...(endpoint.hostId === hostId && { localId: endpoint.id }),
      selectedBy: labels && policies.filter(({ to }) => hasLabels(labels, to)).map(({ policy }) => policy),
    })),
  };
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
  macsWith: (labels: Labels) => string[],
): RulesOfPolicy {
  const rules = allow.map((rule): AllowedSource => {
    const source = sourceOf(rule);
    const ports = rule.ports?.flatMap((text) => parsePort(text) ?? []);
    return { from: fromOf(source, network, macsWith), ...(ports && { ports }) };
  });
  return { name, isAudit: audit, allow: rules };
}

/** Who comes by a network has come by that network: in another one it is nobody. */
function fromOf(
  source: ReturnType<typeof sourceOf>,
  { id, name }: RuledNetwork['network'],
  macsWith: (labels: Labels) => string[],
): AllowedSource['from'] {
  if ('labels' in source) return macsWith(source.labels);
  if ('cidr' in source) return source;
  return source.network === name || source.network === id ? 'all' : [];
}
