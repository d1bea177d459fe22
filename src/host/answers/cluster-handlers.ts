import {
  answerAddresses,
  answerEndpoints,
  answerNames,
  answerNetwork,
  answerNetworks,
  answerPools,
} from '../../admin/cluster-answers.js';
import { answerExport } from '../../admin/export-answer.js';
import type { Handlers } from '../../admin/operations.js';
import { listKnownHosts } from '../../agent/hosts/known-hosts.js';
import type { Store } from '../../store/store.js';
import { answerPolicies } from './policies/policies.js';

type ClusterOperation =
  | 'hosts'
  | 'networks'
  | 'network'
  | 'addresses'
  | 'endpoints'
  | 'names'
  | 'pools'
  | 'policies'
  | 'export';

/** The operations that the cluster's records alone answer, whoever reads them: the daemon, or a command while there is none. */
export function clusterHandlers(store: Pick<Store, 'list' | 'count'>): Pick<Handlers, ClusterOperation> {
  return {
    hosts: () => listKnownHosts(store),
    networks: () => answerNetworks(store),
    network: (wanted) => answerNetwork(store, wanted),
    addresses: (wanted) => answerAddresses(store, wanted),
    endpoints: (wanted) => answerEndpoints(store, wanted),
    names: (wanted) => answerNames(store, wanted),
    pools: () => answerPools(store),
    policies: () => answerPolicies(store),
    export: () => answerExport(store),
  };
}
