/** Networks of the cluster, as a trace knows them. Pure. */
import type { Cluster } from '../../../admin/cluster.js';
import { modeAnswer } from '../../../admin/mode-answer.js';
import { isLan } from '../../../driver/networks/lan-plan.js';
import type { LanMode } from '../../../model/mode.js';
import type { NetworkRecord } from '../../../model/network.js';
import type { End } from '../../../trace/ends.js';
import { isOnLan } from '../../../trace/lan-hops.js';
import type { LanExit, Trace, TracedNetwork } from '../../../trace/trace.js';

export function tracedNetwork(cluster: Cluster, record: NetworkRecord): TracedNetwork {
  const { id, vni, internal: isInternal, pools } = record;
  const { mode, parent } = modeAnswer(record);
  return {
    ...{ id, vni, isInternal, name: cluster.nameOf(id) ?? id, subnets: pools.map(({ subnet }) => subnet) },
    mode,
    ...(parent !== undefined && { parent }),
    ...(record.protection?.encrypt && { isEncrypted: true as const }),
  };
}

/** Of several, the one with the destination, else the first by which it may leave. */
export function exitOf(cluster: Cluster, end: End, destination: string): Pick<Trace, 'exit'> {
  const endpoints = end.kind === 'container' ? end.endpoints : [];
  const lans = endpoints.flatMap(({ id: endpointId, networkId }): LanExit[] => {
    const record = cluster.networks.find(({ id }) => id === networkId);
    return record && isLan(record.mode) ? [lanExit(cluster, record, record.mode, endpointId)] : [];
  });
  const exit = lans.find((lan) => isOnLan(lan, destination)) ?? lans.find(hasGateway) ?? lans[0];
  return exit ? { exit } : {};
}

function lanExit(cluster: Cluster, { id, pools }: NetworkRecord, mode: LanMode, endpointId: string): LanExit {
  const { parent, gateways, host = false } = mode;
  return {
    ...{ id, endpointId, gateways, name: cluster.nameOf(id) ?? id, isWithHost: host },
    subnets: pools.map(({ subnet }) => subnet),
    ...(parent !== undefined && { parent }),
  };
}

function hasGateway({ gateways }: LanExit): boolean {
  return gateways.length > 0;
}
