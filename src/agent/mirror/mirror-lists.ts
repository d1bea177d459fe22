/** By what the lists of a view are searched. */
import type { DockerNetwork } from '../../docker/engine.js';
import type { BindingRecord } from '../../model/binding.js';
import type { NetworkRecord } from '../../model/network.js';
import { ListIndex } from './list-index.js';

export const NETWORKS = {
  byId: new ListIndex<NetworkRecord>(({ id }) => [id]),
  byName: new ListIndex<NetworkRecord>(({ name }) => [name]),
  byPool: new ListIndex<NetworkRecord>(({ pools }) => pools.map(({ poolKey }) => poolKey)),
};

export const BINDINGS = {
  byNetwork: new ListIndex<BindingRecord>(({ networkId }) => [networkId]),
  byDockerNetwork: new ListIndex<BindingRecord>(({ dockerNetworkId }) => [dockerNetworkId]),
};

export const DOCKER_NETWORKS = {
  byId: new ListIndex<DockerNetwork>(({ id }) => [id]),
  byName: new ListIndex<DockerNetwork>(({ name }) => [name]),
};
