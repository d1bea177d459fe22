import { type Cluster, type Reader, readAll } from '../../../admin/cluster.js';
import { canEnforce, policiesIn } from '../../../agent/policies/network-rules.js';
import type { Judgement } from '../../../doctor/finding.js';
import { judgePolicies, type SeenPolicy, type Unlabelled } from '../../../doctor/policy/policy-checks.js';
import { type EndpointRecord, endpointRecord } from '../../../model/endpoint.js';
import { keys } from '../../../model/keys.js';
import type { NetworkRecord } from '../../../model/network.js';
import { type PolicyDocument, policyRecord } from '../../../model/policy/policy.js';
import { selectedBy } from '../policies/selected.js';

/** For `xnet doctor`: the policies of the cluster, against the containers that they are of. */
export async function findPolicyFaults(
  reader: Reader,
  known: Promise<Cluster>,
): Promise<readonly Judgement[]> {
  const { records: policies } = await readAll(reader, keys.policies(), policyRecord);
  const cluster = await known;
  // Endpoints may be many, and most clusters have neither.
  if (policies.length === 0 && !cluster.networks.some(isIsolated)) return judgePolicies([], []);
  const { records: endpoints } = await readAll(reader, keys.endpoints(), endpointRecord);
  const seen = policies.map((policy) => seenPolicy(cluster, policy, endpoints));
  return judgePolicies(seen, unlabelledOf(cluster, policies, endpoints));
}

function seenPolicy(
  cluster: Cluster,
  policy: PolicyDocument,
  endpoints: readonly EndpointRecord[],
): SeenPolicy {
  const { policy: name, network, to } = policy;
  const isThere = cluster.networks.some((each) => policiesIn(each, [policy]).length > 0);
  const labels = Object.entries(to).map(([key, value]) => `${key}=${value}`);
  return {
    ...{ name, labels: labels.join(' '), selected: selectedBy(policy, cluster, endpoints).length },
    network: network === undefined ? undefined : { name: network, isThere },
  };
}

function isIsolated({ protection }: Pick<NetworkRecord, 'protection'>): boolean {
  return protection?.isolate === true;
}

/** Names are published with the labels, so those with a name wait for nothing. */
function unlabelledOf(
  cluster: Cluster,
  policies: readonly PolicyDocument[],
  endpoints: readonly EndpointRecord[],
): Unlabelled[] {
  const enforced = policies.filter(({ audit }) => audit !== true);
  const ruled = cluster.networks.filter((each) => canEnforce(each) && policiesIn(each, enforced).length > 0);
  const [closed, isolated] = [ruled, cluster.networks.filter(isIsolated)].map(
    (networks) => new Set(networks.map(({ id }) => id)),
  );
  return endpoints.flatMap(({ networkId, hostId, names, labels }) => {
    const isClosed = closed?.has(networkId) === true;
    if (!names || labels || !(isClosed || isolated?.has(networkId))) return [];
    return [
      {
        container: names.container,
        network: cluster.nameOf(networkId) ?? networkId,
        host: cluster.hostOf(hostId).name ?? hostId,
        isClosed,
      },
    ];
  });
}
