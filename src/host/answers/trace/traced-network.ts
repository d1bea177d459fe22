/** Networks of the cluster, as a trace knows them. Pure. */
import type { Cluster } from '../../../admin/cluster.js';
import { modeAnswer } from '../../../admin/mode-answer.js';
import { isLan } from '../../../driver/networks/lan-plan.js';
import type { NetworkRecord } from '../../../model/network.js';
import type { End } from '../../../trace/ends.js';
import type { Trace, TracedNetwork } from '../../../trace/trace.js';

export function tracedNetwork(cluster: Cluster, record: NetworkRecord): TracedNetwork {
  const { id, vni, internal: isInternal, pools } = record;
  const { mode, parent } = modeAnswer(record);
  return {
    ...{ id, vni, isInternal, name: cluster.nameOf(id) ?? id, subnets: pools.map(({ subnet }) => subnet) },
    mode,
    ...(parent !== undefined && { parent }),
  };
}

/** Of several, the first by which it may leave. */
export function exitOf(cluster: Cluster, end: End): Pick<Trace, 'exit'> {
  const endpoints = end.kind === 'container' ? end.endpoints : [];
  for (const { id: endpointId, networkId } of endpoints) {
    const mode = cluster.networks.find(({ id }) => id === networkId)?.mode;
    if (!isLan(mode) || mode.gateways.length === 0) continue;
    const { parent, gateways } = mode;
    const name = cluster.nameOf(networkId) ?? networkId;
    return { exit: { id: networkId, name, endpointId, gateways, ...(parent !== undefined && { parent }) } };
  }
  return {};
}
