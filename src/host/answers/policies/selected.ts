/** Which containers a policy selects, and where it is in force. Pure. */
import type { Cluster } from '../../../admin/cluster.js';
import { canEnforce, policiesIn } from '../../../agent/policies/network-rules.js';
import type { EndpointRecord } from '../../../model/endpoint.js';
import { modeOf } from '../../../model/network.js';
import { hasLabels } from '../../../model/policy/labels.js';
import type { PolicyDocument } from '../../../model/policy/policy.js';

export interface Selected {
  readonly container: string;
  readonly network: string;
  readonly host: string;
  readonly mode: ReturnType<typeof modeOf>['kind'];
  readonly isInForce: boolean;
}

/** Of all networks that the policy is of. A container whose labels are not known is not among them. */
export function selectedBy(
  policy: PolicyDocument,
  cluster: Cluster,
  endpoints: readonly EndpointRecord[],
): Selected[] {
  const networks = new Map(
    cluster.networks
      .filter((network) => policiesIn(network, [policy]).length > 0)
      .map((network) => [network.id, network]),
  );
  return endpoints.flatMap(({ id, networkId, hostId, names, labels }) => {
    const network = networks.get(networkId);
    if (!network || !labels || !hasLabels(labels, policy.to)) return [];
    return [
      {
        container: names?.container ?? id.slice(0, 12),
        network: cluster.nameOf(networkId) ?? networkId,
        host: cluster.hostOf(hostId).name ?? hostId,
        mode: modeOf(network).kind,
        isInForce: canEnforce(network),
      },
    ];
  });
}
