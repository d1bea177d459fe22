import type { DockerNetwork } from '../../docker/engine.js';
import type { BindingRecord } from '../../model/binding.js';
import type { NetworkRecord } from '../../model/network.js';
import type { MirrorView } from './mirror-view.js';

/** What of a view is looked up for each of its networks: a host may have a thousand. */
export interface MirrorIndex {
  /** By id. */
  readonly networks: ReadonlyMap<string, NetworkRecord>;
  /** By the id of the Docker network. */
  readonly bindings: ReadonlyMap<string, BindingRecord>;
  /** By the id of the network. */
  readonly bindingsTo: ReadonlyMap<string, readonly BindingRecord[]>;
  /** Of this host's Docker, by name, and by id. */
  readonly dockerNetworks: ReadonlyMap<string, readonly DockerNetwork[]>;
  readonly dockerNetworkIds: ReadonlyMap<string, DockerNetwork>;
}

const INDEXES = new WeakMap<object, MirrorIndex>();

/** Made once for each view. */
export function indexOf(view: Pick<MirrorView, 'networks' | 'bindings' | 'dockerNetworks'>): MirrorIndex {
  const index = INDEXES.get(view) ?? {
    networks: new Map(view.networks.map((network) => [network.id, network])),
    bindings: new Map(view.bindings.map((binding) => [binding.dockerNetworkId, binding])),
    bindingsTo: groupBy(view.bindings, ({ networkId }) => [networkId]),
    dockerNetworks: groupBy(view.dockerNetworks, ({ name }) => [name]),
    dockerNetworkIds: new Map(view.dockerNetworks.map((each) => [each.id, each])),
  };
  INDEXES.set(view, index);
  return index;
}

export function groupBy<T>(
  items: readonly T[],
  keysOf: (item: T) => readonly string[],
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items)
    for (const key of keysOf(item)) {
      const group = groups.get(key);
      if (group) group.push(item);
      else groups.set(key, [item]);
    }
  return groups;
}
